"""The catalogue that is shipped: whole, priced or flagged, and cheap to have."""

import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import pytest

from antiphon.metering.price_files import list_prices
from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.base.stt import SttCapabilities
from antiphon.providers.base.tts import TtsCapabilities
from antiphon.providers.catalogue import loader
from antiphon.providers.catalogue.entries import MANY, Entry, LanguageEntry

ALL = loader.entries()
NAMES = {entry.name for entry in ALL}


def name_of(entry: Entry) -> str:
    return f"{entry.kind}:{entry.name}"


def test_it_works_a_model_is_found_by_the_name_that_sessions_use() -> None:
    entry = loader.find("openai/gpt-realtime-2.1")
    assert entry is not None
    assert (entry.kind, entry.provider) == ("realtime", "openai")
    assert isinstance(entry.capabilities, RealtimeCapabilities)
    assert entry.capabilities.context_tokens == 128_000
    assert entry.voices[0] == "marin"


def test_there_is_a_choice_of_every_kind_and_no_name_twice() -> None:
    counts = Counter(entry.kind for entry in ALL)
    assert {kind: len(loader.entries(kind=kind)) for kind in counts} == counts
    assert counts["language"] >= 150
    assert min(counts.values()) >= 15
    assert len(ALL) == sum(len(loader.read(path).models) for path in loader.DATA.glob("*.json"))


def test_models_are_listed_by_kind_and_provider() -> None:
    found = loader.entries(kind="speech_to_text", provider="deepgram")
    assert [entry.name for entry in found] == [
        "deepgram/flux-general-en",
        "deepgram/flux-general-multi",
        "deepgram/nova-2",
        "deepgram/nova-3",
    ]
    assert loader.entries(provider="nobody") == ()


def test_a_model_that_nobody_described_is_none() -> None:
    assert loader.find("openai/gpt-99") is None


@pytest.mark.parametrize("entry", ALL, ids=name_of)
def test_every_model_is_priced_or_says_why_not(entry: Entry) -> None:
    priced = bool(list_prices().rates_of(entry.name, time.time() * 1000))
    assert priced != bool(entry.unpriced), (
        "Add its price to metering/data/by_hand, or say in `unpriced` why not."
    )


@pytest.mark.parametrize("entry", ALL, ids=name_of)
def test_every_model_is_described(entry: Entry) -> None:
    assert entry.source
    assert entry.checked
    assert entry.languages == (MANY,) or all(
        code.isalpha() and len(code) in (2, 3) and code.islower() for code in entry.languages
    )
    assert len(set(entry.languages)) == len(entry.languages)
    shapes = {
        "language": LlmCapabilities,
        "realtime": RealtimeCapabilities,
        "speech_to_text": SttCapabilities,
        "text_to_speech": TtsCapabilities,
    }
    assert type(entry.capabilities) is shapes[entry.kind]
    if entry.replacement is not None:
        assert entry.replacement in NAMES
        assert entry.replacement != entry.name
    if entry.shutdown_at is not None:
        assert entry.lifecycle != "active"


@pytest.mark.parametrize("path", sorted(loader.DATA.glob("*.json")), ids=lambda path: path.stem)
def test_files_are_written_as_they_are_kept(path: Path) -> None:
    assert loader.text_of(loader.read(path)) == path.read_text()


@pytest.mark.parametrize(
    ("day", "lifecycle"), [("2027-01-13", "deprecated"), ("2027-01-14", "retired"), ("2030-01-01", "retired")]
)
def test_a_model_retires_by_itself_on_the_day_that_was_announced(day: str, lifecycle: str) -> None:
    entry = loader.find("openai/gpt-4.1-mini")
    assert entry is not None
    assert entry.shutdown_at == date(2027, 1, 14)
    assert entry.lifecycle_on(date.fromisoformat(day)) == lifecycle


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("openai/gpt-4o", "2027-01-14"),
        ("openai/gpt-5-mini", "2026-12-11"),
        ("openai/whisper-1", "2027-02-26"),
        ("openai/gpt-realtime", "2027-01-20"),
        ("openai/gpt-realtime-mini", "2027-01-20"),
    ],
)
def test_announced_ends_are_known(name: str, day: str) -> None:
    entry = loader.find(name)
    assert entry is not None
    assert entry.shutdown_at == date.fromisoformat(day)
    assert entry.replacement is not None


def test_a_file_with_a_kind_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    model = LanguageEntry(name="a/b", languages=("en",), capabilities=LlmCapabilities())
    text = loader.text_of(loader.CatalogueFile("a test", date(2026, 1, 1), (model,)))
    (tmp_path / "x.json").write_text(text.replace('"kind":"language"', '"kind":"telepathy"'))
    with pytest.raises(msgspec.ValidationError, match="telepathy"):
        loader.read(tmp_path / "x.json")


def test_importing_reads_no_file_and_prices_are_made_without_the_upstream_package() -> None:
    program = """
import sys
opened = []
sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == "open" else None)
from antiphon.metering.price_files import list_prices
from antiphon.providers.catalogue import loader
assert not [path for path in opened if path.endswith(".json")], opened
list_prices().rates_of("openai/gpt-6-sol", 1e12)
assert [path.rsplit("/")[-1] for path in opened if path.endswith(".json")] == ["openai.json"] * 2
assert loader.find("openai/gpt-6-sol")
assert not {"genai_prices", "pydantic", "django"} & set(sys.modules)
"""
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
