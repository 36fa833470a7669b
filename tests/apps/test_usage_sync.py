"""`manage.py sync_rates`: what upstream says beside what is kept."""

import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import genai_prices
import pytest
from django.core.management import CommandError, call_command

from antiphon.metering.price_files import (
    GENERATED,
    FileLayer,
    ListedPrice,
    PriceFile,
    PriceList,
    list_prices,
    read,
    text_of,
)
from antiphon.metering.rates import RateCard
from antiphon.providers.catalogue import loader
from apps.usage.syncing import changes, merged
from apps.usage.upstream import PROVIDERS, installed

TODAY = date(2026, 11, 22)
MTOK = 1_000_000


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Copies of the data that is shipped."""
    shutil.copytree(GENERATED, tmp_path / "prices")
    shutil.copytree(loader.DATA, tmp_path / "catalogue")
    return tmp_path


def sync(kept: Path, *options: str) -> list[str]:
    out = StringIO()
    folders = [f"--prices={kept / 'prices'}", f"--catalogue={kept / 'catalogue'}"]
    call_command("sync_rates", *folders, *options, stdout=out)
    return out.getvalue().splitlines()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_it_works_what_is_shipped_is_what_upstream_says(kept: Path) -> None:
    version = genai_prices.__version__
    assert sync(kept) == [f"0 changes found; --write writes them (genai-prices {version})."]


def test_a_difference_is_shown_and_nothing_written(kept: Path) -> None:
    path = kept / "prices" / "cerebras.json"
    change(path, '"price":"0.35"', '"price":"0.36"')
    before = path.read_text()
    lines = sync(kept)
    assert lines[0].startswith(
        "cerebras: changed gpt-oss-120b input_text_token: $0.36 for 1,000,000 -> $0.36 "
    )
    assert lines[0].endswith("then $0.35 for 1,000,000 from " + datetime.now(UTC).date().isoformat())
    assert lines[1].startswith("1 changes found")
    assert path.read_text() == before


def test_writing_keeps_what_was_charged_before_and_is_done_after_once(kept: Path) -> None:
    path = kept / "prices" / "cerebras.json"
    change(path, '"price":"0.35"', '"price":"0.36"')
    assert sync(kept, "--write")[-1].startswith("1 changes written")
    prices = [p for p in read(path).lists[1].prices if p.unit == "input_text_token"]
    assert [price.price for price in prices] == [Decimal("0.36"), Decimal("0.35")]
    assert prices[0].valid_to == prices[1].valid_from is not None
    assert sync(kept)[-1].startswith("0 changes")


def test_a_folder_without_files_is_filled(tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    assert sync(tmp_path, "--write")[-1].startswith("4")
    for path in GENERATED.glob("*.json"):
        assert read(tmp_path / "prices" / path.name).lists == read(path).lists


def test_what_upstream_knows_better_of_a_model_is_taken_over(kept: Path) -> None:
    path = kept / "catalogue" / "language.json"
    change(path, '"context_tokens":1050000', '"context_tokens":4096')
    (line, _) = sync(kept, "--write")
    assert "changed azure/gpt-5.4: " in line
    assert "context_tokens=1050000" in line
    assert path.read_text() == (loader.DATA / "language.json").read_text()


def test_a_wheel_is_read_without_being_installed(kept: Path, tmp_path: Path) -> None:
    """In a process of its own, since this one has imported what is installed."""
    wheel = tmp_path / "genai_prices-99.0.0-py3-none-any.whl"
    package = Path(genai_prices.__file__).parent
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in package.glob("*.py"):
            archive.write(path, f"genai_prices/{path.name}")
    options = [f"--prices={kept / 'prices'}", f"--catalogue={kept / 'catalogue'}", f"--from-wheel={wheel}"]
    run = subprocess.run(
        [sys.executable, "manage.py", "sync_rates", *options], capture_output=True, text=True, check=True
    )
    assert "(genai-prices 99.0.0)" in run.stdout


@pytest.mark.parametrize("name", ["missing.whl", "other-1.0-py3-none-any.whl"])
def test_what_is_no_such_wheel_is_refused(kept: Path, tmp_path: Path, name: str) -> None:
    if "other" in name:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CommandError, match="is no wheel of genai-prices"):
        sync(kept, f"--from-wheel={tmp_path / name}")


def test_without_the_package_it_says_what_to_do(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.usage.upstream.PACKAGE", "genai-prices-that-nobody-installed")
    with pytest.raises(CommandError, match="pip install genai-prices"):
        sync(kept)


def test_prices_are_those_that_the_package_itself_finds() -> None:
    """But for hours of the day and models that are free, which are decided otherwise here."""
    upstream, card = installed(), RateCard(FileLayer(GENERATED))
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    compared = 0
    for slug, (theirs, *_) in PROVIDERS.items():
        if slug in ("deepseek", "azure"):
            continue
        for model in upstream.providers[theirs].models:
            found = upstream.providers[theirs].find_model(model.id)
            price = found and found.get_prices(moment).input_mtok
            if price is None:
                continue
            rate = card.find(f"{slug}/{model.id}", "input_text_token", moment.timestamp() * 1000)
            assert rate is not None, model.id
            assert rate.price == getattr(price, "base", price), model.id
            compared += 1
    assert compared > 1300


def test_the_card_agrees_with_the_package_about_the_worked_example() -> None:
    usage = genai_prices.Usage(
        input_tokens=1200,
        cache_read_tokens=800,
        input_audio_tokens=1000,
        cache_audio_read_tokens=700,
        output_tokens=300,
        output_audio_tokens=250,
    )
    theirs = genai_prices.calc_price(usage, model_ref="gpt-realtime-2", provider_id="openai").total_price
    ours = list_prices().price(
        "openai/gpt-realtime-2",
        {
            "input_text_token": 100,
            "cached_text_token": 100,
            "input_audio_token": 300,
            "cached_audio_token": 700,
            "output_text_token": 50,
            "output_audio_token": 250,
        },
        1_795_000_000_000,
    )
    assert theirs * 1_000_000 == ours.price_micro == 27_520


def a_file(*prices: ListedPrice, models: tuple[str, ...] = ("m",)) -> PriceFile:
    return PriceFile("acme", "upstream", TODAY, (PriceList(models, prices),))


def tok(price: str, since: str | None = None, until: str | None = None) -> ListedPrice:
    day = date.fromisoformat
    return ListedPrice(
        "input_text_token",
        Decimal(price),
        MTOK,
        (since and day(since)) or None,
        (until and day(until)) or None,
    )


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ([tok("1")], [tok("1")], [tok("1")]),
        ([tok("1")], [tok("2")], [tok("1", None, "2026-11-22"), tok("2", "2026-11-22")]),
        (
            [tok("1", None, "2026-03-01"), tok("2", "2026-03-01")],
            [tok("2")],
            [tok("1", None, "2026-03-01"), tok("2", "2026-03-01")],
        ),
        (
            [tok("1", None, "2026-03-01"), tok("2", "2026-03-01")],
            [tok("3")],
            [tok("1", None, "2026-03-01"), tok("2", "2026-03-01", "2026-11-22"), tok("3", "2026-11-22")],
        ),
        (
            [tok("1")],
            [tok("1", None, "2027-01-01"), tok("2", "2027-01-01")],
            [tok("1", None, "2027-01-01"), tok("2", "2027-01-01")],
        ),
        ([tok("1")], [], [tok("1", None, "2026-11-22")]),
        ([], [tok("1")], [tok("1")]),
        ([tok("9", "2027-01-01")], [], []),
    ],
    ids=[
        "nothing new",
        "a new price begins today",
        "history that upstream forgot is kept",
        "history grows",
        "an announced change keeps its date",
        "a price that is gone ends today",
        "a first price has always been",
        "an announced price that is withdrawn never was",
    ],
)
def test_what_was_charged_stays_known(
    old: list[ListedPrice], new: list[ListedPrice], after: list[ListedPrice]
) -> None:
    assert list(merged(a_file(*old), a_file(*new), TODAY).lists[0].prices) == after


def test_merging_twice_changes_nothing_more() -> None:
    once = merged(a_file(tok("1")), a_file(tok("2")), TODAY)
    assert merged(once, a_file(tok("2")), TODAY) == once


def test_a_model_that_upstream_dropped_stays_with_its_past() -> None:
    after = merged(a_file(tok("1")), PriceFile("acme", "upstream", TODAY, ()), TODAY)
    assert list(after.lists[0].prices) == [tok("1", None, "2026-11-22")]
    assert list(changes(a_file(tok("1")), after)) == [
        "changed m input_text_token: $1 for 1,000,000 -> $1 for 1,000,000 until 2026-11-22"
    ]


def test_a_new_name_of_a_model_is_a_change() -> None:
    before, after = a_file(tok("1")), a_file(tok("1"), models=("m", "m-latest"))
    assert list(changes(before, merged(before, after, TODAY))) == ["changed the names or the note of m"]


def test_a_file_reads_back_as_it_was(tmp_path: Path) -> None:
    file = a_file(tok("0.0000001", "2026-01-01"))
    (tmp_path / "acme.json").write_text(text_of(file))
    assert read(tmp_path / "acme.json") == file
