"""The price lists that are shipped, and how a model is found in them."""

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from antiphon.metering.price_files import (
    BY_HAND,
    GENERATED,
    FileLayer,
    ListedPrice,
    PriceFile,
    PriceList,
    list_prices,
    read,
    text_of,
)

FILES = sorted([*GENERATED.glob("*.json"), *BY_HAND.glob("*.json")])
AT = 1_795_000_000_000.0  # late in 2026


def a_file(*lists: PriceList) -> PriceFile:
    return PriceFile("acme", "a test", date(2026, 1, 1), lists)


def a_list(*models: str, price: str) -> PriceList:
    return PriceList(models, (ListedPrice("character", Decimal(price), 1000),))


def written(folder: Path, *lists: PriceList) -> FileLayer:
    (folder / "acme.json").write_text(text_of(a_file(*lists)))
    return FileLayer(folder)


def price_of(layer: FileLayer, model: str) -> str:
    return "; ".join(str(rate.price) for rate in layer.rates_of("acme", model))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_works_every_file_says_where_its_prices_come_from_and_for_how_long(path: Path) -> None:
    file = read(path)
    assert file.provider == path.stem
    assert file.source
    assert path.read_text() == text_of(file)
    for listed in file.lists:
        periods = defaultdict(list)
        for price in listed.prices:
            assert price.price >= 0
            assert price.per > 0
            periods[price.unit].append(price)
        for prices in periods.values():
            for earlier, later in pairwise(prices):
                assert earlier.valid_to is not None
                assert later.valid_from is not None
                assert earlier.valid_to <= later.valid_from


def test_every_rate_has_an_id_of_its_own() -> None:
    ids = [
        rate.id
        for path in FILES
        for file in [read(path)]
        for listed in file.lists
        for rate in file.rates(listed)
    ]
    assert len(ids) == len(set(ids)) > 4000


def test_only_what_runs_here_is_free() -> None:
    free = {
        file.provider
        for file in map(read, BY_HAND.glob("*.json"))
        for listed in file.lists
        if not any(price.price for price in listed.prices)
    }
    assert free == {"antiphon", "local", "scripted"}


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("voice-1", "1"),
        ("VOICE-1", "1"),
        ("voice-1-2026-01-31", "2"),
        ("voice-1-latest", "3"),
        ("other", ""),
    ],
)
def test_a_model_is_found_by_its_name_else_by_the_pattern_that_says_most(
    tmp_path: Path, model: str, price: str
) -> None:
    layer = written(
        tmp_path,
        a_list("voice-*", price="3"),
        a_list("voice-1-[0-9][0-9][0-9][0-9]-*", price="2"),
        a_list("voice-1", price="1"),
    )
    assert price_of(layer, model) == price


def test_the_price_of_a_pattern_does_not_fill_the_gaps_of_a_name(tmp_path: Path) -> None:
    cached = ListedPrice("cached_text_token", Decimal("0.1"), 1_000_000)
    layer = written(tmp_path, PriceList(("m-*",), (cached,)), a_list("m-1", price="1"))
    assert [rate.unit for rate in layer.rates_of("acme", "m-1")] == ["character"]


@pytest.mark.parametrize("provider", ["nobody", "", "..", "../generated/openai", "/etc/passwd", "a" * 300])
def test_a_provider_without_a_file_has_no_rates(provider: str) -> None:
    assert FileLayer(BY_HAND).rates_of(provider, "x") == ()


def test_a_file_with_a_unit_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    content = json.loads(text_of(a_file(a_list("m", price="1"))))
    content["lists"][0]["prices"][0]["unit"] = "second"
    (tmp_path / "acme.json").write_text(json.dumps(content))
    with pytest.raises(msgspec.ValidationError, match="second"):
        read(tmp_path / "acme.json")


@pytest.mark.parametrize(
    ("model", "unit", "price"),
    [
        ("openai/gpt-realtime-2.1", "output_text_token", "24"),
        ("openai/gpt-realtime-1.5", "output_text_token", "16"),
        ("openai/gpt-6-sol-2026-10-01", "input_text_token", "2"),
        ("azure/gpt-4.1-mini", "input_text_token", "0.4"),
        ("anthropic/claude-sonnet-5-5-20261001", "input_text_token", "2"),
        ("google/gemini-3.8-flash-tts", "output_audio_token", "9"),
        ("fireworks/accounts/fireworks/models/kimi-k3", "input_text_token", "3"),
        ("deepgram/aura-luna-en", "character", "0.015"),
        ("soniox/stt-rt-v9", "input_audio_ms", "0.12"),
    ],
)
def test_models_have_prices_under_names_that_no_list_spells_out(model: str, unit: str, price: str) -> None:
    assert list_prices().rates_of(model, AT)[unit].price == Decimal(price)  # type: ignore[index]


def test_the_newer_voices_do_not_get_the_price_of_the_older() -> None:
    assert not list_prices().rates_of("deepgram/aura-2-thalia-en", AT)
