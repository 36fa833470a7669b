"""Price lists made of genai-prices (MIT), the package in which Pydantic keeps what vendors list.

It is needed where prices are brought up to date, and never while the platform runs.
"""

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from antiphon.metering.price_files import ListedPrice, PriceFile, PriceList
from antiphon.providers.base.usage import Unit

PACKAGE = "genai-prices"
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("anthropic",),
    "azure": ("azure", "openai"),  # a deployment named as its model; Global ones cost what OpenAI lists
    "baseten": ("baseten",),
    "cerebras": ("cerebras",),
    "cohere": ("cohere",),
    "deepseek": ("deepseek",),
    "elevenlabs": ("elevenlabs",),
    "fireworks": ("fireworks",),
    "google": ("google",),
    "groq": ("groq",),
    "minimax": ("minimax",),
    "mistral": ("mistral",),
    "moonshot": ("moonshotai",),
    "nebius": ("huggingface_nebius",),  # which passes prices on as they are
    "novita": ("novita",),
    "openai": ("openai",),
    "openrouter": ("openrouter",),
    "ovhcloud": ("ovhcloud",),
    "perplexity": ("perplexity",),
    "sambanova": ("huggingface_sambanova",),
    "together": ("together",),
    "xai": ("x-ai",),
    "zai": ("zai",),
}
"""Our name of a provider, and those of genai-prices, the first of which decides."""

_TOKENS: Mapping[str, Unit] = {
    "input_mtok": "input_text_token",
    "cache_read_mtok": "cached_text_token",
    "cache_write_mtok": "cache_write_token",
    "output_mtok": "output_text_token",
    "output_reasoning_mtok": "reasoning_token",
    "input_audio_mtok": "input_audio_token",
    "cache_audio_read_mtok": "cached_audio_token",
    "output_audio_mtok": "output_audio_token",
    "input_image_mtok": "input_image_token",
}
_OTHERS: Mapping[str, tuple[Unit, int]] = {
    "input_mchars": ("character", 1_000_000),
    "input_audio_hours": ("input_audio_ms", 3_600_000),
    "output_audio_hours": ("output_audio_ms", 3_600_000),
    "input_text_messages_kcount": ("text_message", 1000),
    "requests_kcount": ("request", 1000),
}
_HEARS_ONLY = re.compile("whisper|transcribe")
_SPEAKS_ONLY = re.compile(r"\btts\b")
_PLAIN_REGEX = re.compile(r"\^?((?:[\w/:-]|\\\.|\\d(?:\{\d+\})?|\[[^]^]+\])+)(\$?)")
_ANY_DAY = date(2020, 1, 1)  # of prices that never changed
_DIGITS = re.compile(r"\\d(?:\{(\d+)\})?")


class NoPrices(Exception):
    """genai-prices can't be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What one release of genai-prices says. Its objects have no types that can be imported here."""

    version: str
    providers: Mapping[str, Any]

    def price_files(self, today: date) -> Iterator[PriceFile]:
        source = f"https://github.com/pydantic/genai-prices {self.version}"
        for slug, theirs in PROVIDERS.items():
            seen: set[str] = set()
            lists = [
                listed
                for provider in theirs
                for model in self.providers[provider].models
                if (listed := _price_list(slug, model, seen))
            ]
            yield PriceFile(slug, source, today, tuple(lists))

    def model(self, name: str) -> Any | None:
        """What is known of `provider/model`, as genai-prices finds it."""
        slug, _, model = name.partition("/")
        for provider in PROVIDERS.get(slug, ()):
            if found := self.providers[provider].find_model(model):
                return found
        return None


def installed() -> Upstream:
    """Raises NoPrices."""
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise NoPrices(
            "genai-prices is not installed: pip install genai-prices, or name a wheel with --from-wheel."
        ) from None
    return _read(version)


def from_wheel(path: Path) -> Upstream:
    """Imports it from the file, without installing it. Raises NoPrices."""
    parts = path.name.split("-")
    if not path.is_file() or parts[0] != "genai_prices":
        raise NoPrices(f"{path} is no wheel of genai-prices (genai_prices-VERSION-py3-none-any.whl).")
    sys.path.insert(0, str(path))
    try:
        return _read(parts[1])
    finally:
        sys.path.remove(str(path))


def _read(version: str) -> Upstream:
    try:
        providers = importlib.import_module("genai_prices.data").providers
    except ImportError as error:
        raise NoPrices(f"genai-prices {version} can't be imported: {error}.") from error
    return Upstream(version, {provider.id: provider for provider in providers})


def _price_list(slug: str, model: Any, seen: set[str]) -> PriceList | None:
    """None for a model that is free there, or billed by something that we have no unit for, and for one whose names
    are all taken."""
    prices = _prices(slug, model)
    names = tuple(dict.fromkeys(name for name in _names(slug, model) if name.lower() not in seen))
    if not prices or not names:
        return None
    seen.update(name.lower() for name in names)
    return PriceList(names, prices, _note(model))


def _names(slug: str, model: Any) -> Iterator[str]:
    yield model.id
    yield from _patterns(model.match)
    if slug == "groq":  # its own models are known without their maker's name, too
        yield model.id.rpartition("/")[2]


def _patterns(match: Any) -> Iterator[str]:
    """A match rule as names and patterns. What can't be said so is left out: the model's id is always there."""
    if hasattr(match, "or_"):
        for clause in match.or_:
            yield from _patterns(clause)
    elif hasattr(match, "and_"):
        yield from _patterns(match.and_[0])  # the rest are exceptions, which have lists with longer patterns
    elif hasattr(match, "equals"):
        yield match.equals
    elif hasattr(match, "starts_with"):
        yield f"{match.starts_with}*"
    elif hasattr(match, "ends_with"):
        yield f"*{match.ends_with}"
    elif hasattr(match, "contains"):
        yield f"*{match.contains}*"
    elif plain := _PLAIN_REGEX.fullmatch(match.regex):
        text = _DIGITS.sub(lambda found: "[0-9]" * int(found[1] or 1), plain[1]).replace("\\.", ".")
        yield text if plain[2] else f"{text}*"


def _prices(slug: str, model: Any) -> tuple[ListedPrice, ...]:
    """Of each unit, from when to when. Where a price depends on the hour of the day it is that of the dearest,
    where it depends on the length of the prompt that of short ones; the note says so."""
    starts = [None, *_starts(model)]
    ends = [*starts[1:], None]
    listed: dict[Unit, list[ListedPrice]] = {}
    for start, end in zip(starts, ends, strict=True):
        day = start or _day_before(ends[0])
        for (unit, per), price in _units(slug, model, day).items():
            earlier = listed.setdefault(unit, [])
            if earlier and earlier[-1].price == price and earlier[-1].valid_to == start:
                earlier[-1] = ListedPrice(unit, price, per, earlier[-1].valid_from, end)
            else:
                earlier.append(ListedPrice(unit, price, per, start, end))
    return tuple(price for prices in listed.values() for price in prices)


def _starts(model: Any) -> list[date]:
    dates = {getattr(each.constraint, "start_date", None) for each in _conditional(model)}
    return sorted(day for day in dates if day)


def _day_before(end: date | None) -> date:
    return end - timedelta(days=1) if end else _ANY_DAY


def _units(slug: str, model: Any, day: date) -> dict[tuple[Unit, int], Decimal]:
    dearest: dict[tuple[Unit, int], Decimal] = {}
    for hour in range(24) if _depends_on_the_hour(model) else (0,):
        fields = vars(model.get_prices(datetime.combine(day, time(hour), UTC)))
        for unit, price in _by_unit(slug, model.id, fields).items():
            dearest[unit] = max(price, dearest.get(unit, price))
    return dearest


def _by_unit(slug: str, model: str, fields: Mapping[str, Any]) -> dict[tuple[Unit, int], Decimal]:
    prices = {name: getattr(price, "base", price) for name, price in fields.items() if price is not None}
    units: dict[tuple[Unit, int], Decimal] = {
        (unit, 1_000_000): prices[name] for name, unit in _TOKENS.items() if name in prices
    }
    units |= {unit: prices[name] for name, unit in _OTHERS.items() if name in prices}
    if "audio_hours" in prices and "input_audio_hours" not in prices:
        unit: Unit = "input_audio_ms" if _HEARS_ONLY.search(model) else "session_ms"
        units[unit, 3_600_000] = prices["audio_hours"]
    if _SPEAKS_ONLY.search(model) and "output_mtok" in prices:
        units.setdefault(("output_audio_token", 1_000_000), prices["output_mtok"])
    elif slug == "google" and model.startswith("gemini-") and "input_mtok" in prices:
        # One price for all that goes in, unless audio has its own.
        units.setdefault(("input_audio_token", 1_000_000), prices["input_mtok"])
        if "cache_read_mtok" in prices:
            units.setdefault(("cached_audio_token", 1_000_000), prices["cache_read_mtok"])
    return units


def _depends_on_the_hour(model: Any) -> bool:
    return any(hasattr(each.constraint, "start_time") for each in _conditional(model))


def _conditional(model: Any) -> list[Any]:
    return model.prices if isinstance(model.prices, list) else []


def _note(model: Any) -> str:
    notes = []
    tiers = {
        tier.start
        for prices in [each.prices for each in _conditional(model)] or [model.prices]
        for price in vars(prices).values()
        for tier in getattr(price, "tiers", ())
    }
    if tiers:
        notes.append(f"for prompts of up to {min(tiers):,} tokens; longer ones cost more")
    if _depends_on_the_hour(model):
        notes.append("at the dearest hours of the day")
    return "; ".join(notes)
