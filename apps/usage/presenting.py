"""Models and rates as people and programs read them."""

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from antiphon.metering.rates import Rate
from antiphon.providers.base.usage import Unit
from antiphon.providers.catalogue.entries import MANY
from apps.usage.models import UsageLine
from apps.usage.selectors import ListedModel

UNIT_NAMES: Mapping[Unit, str] = {
    "input_text_token": "text in",
    "cached_text_token": "text in, cached",
    "cache_write_token": "text in, written to the cache",
    "output_text_token": "text out",
    "reasoning_token": "reasoning",
    "input_audio_token": "audio in",
    "cached_audio_token": "audio in, cached",
    "output_audio_token": "audio out",
    "input_image_token": "images in",
    "input_audio_ms": "audio in",
    "output_audio_ms": "audio out",
    "session_ms": "connection",
    "tool_ms": "tools at work",
    "character": "text",
    "text_message": "text messages",
    "request": "requests",
}
_SCALES = (
    ("_token", 1_000_000, "million tokens"),
    ("_ms", 60_000, "minute"),
    ("character", 1000, "1,000 characters"),
    ("", 1000, "1,000"),
)
_SHOWN = Context(prec=6)
_FLAGS = {
    "tools": "tools",
    "images": "images",
    "reasoning": "reasoning",
    "streaming": "streaming",
    "turn_signals": "turn signals",
    "word_marks": "word marks",
    "speed": "speed",
}


def present_model(model: ListedModel) -> dict[str, Any]:
    """As JSON. Prices are decimals in strings, in US dollars for `per` units."""
    entry = model.entry
    capabilities = dataclasses.asdict(entry.capabilities)
    capabilities.pop("voices", None)
    context_tokens = capabilities.pop("context_tokens", None)
    return {
        "id": entry.name,
        "object": "model",
        "kind": entry.kind,
        "provider": entry.provider,
        "capabilities": capabilities,
        "languages": list(entry.languages),
        "voices": list(entry.voices),
        "context_tokens": context_tokens,
        "max_output_tokens": getattr(entry, "max_output_tokens", None),
        "lifecycle": model.lifecycle,
        "shutdown_at": entry.shutdown_at.isoformat() if entry.shutdown_at else None,
        "replacement": entry.replacement,
        "rates": [_present_rate(rate) for rate in model.rates],
        "unpriced": entry.unpriced or None,
        "source": entry.source,
        "checked": entry.checked.isoformat() if entry.checked else None,
    }


def shown_rates(rates: Sequence[Rate]) -> list[str]:
    """One line for each, or one for all if nothing costs anything."""
    return (
        ["free"] if rates and not any(rate.price for rate in rates) else [shown_rate(rate) for rate in rates]
    )


def shown_rate(rate: Rate) -> str:
    """`text in: $4 per million tokens`"""
    about = "about " if rate.estimate else ""
    return f"{UNIT_NAMES[rate.unit]}: {about}{shown_price(rate.unit, rate.price, rate.per)}"


def shown_price(unit: str, price: Decimal, per: int) -> str:
    """`$4 per million tokens`"""
    scale, what = next((scale, what) for ending, scale, what in _SCALES if unit.endswith(ending))
    return f"${_plain(_SHOWN.divide(price * scale, per))} per {what}"


def shown_capabilities(model: ListedModel) -> str:
    flags = dataclasses.asdict(model.entry.capabilities)
    return ", ".join(name for flag, name in _FLAGS.items() if flags.get(flag))


def shown_languages(model: ListedModel) -> str:
    languages = model.entry.languages
    return MANY if languages == (MANY,) else ", ".join(languages)


def _present_rate(rate: Rate) -> dict[str, Any]:
    return {
        "unit": rate.unit,
        "price": _plain(rate.price),
        "per": rate.per,
        "valid_from": rate.valid_from.isoformat() if rate.valid_from else None,
        "valid_to": rate.valid_to.isoformat() if rate.valid_to else None,
        "estimate": rate.estimate,
        "note": rate.note or None,
        "source": rate.source,
        "checked": rate.checked.isoformat(),
    }


def _plain(price: Decimal) -> str:
    """Without an exponent and without needless zeros."""
    return f"{price.normalize():f}"


def present_line(line: UsageLine) -> dict[str, Any]:
    """As JSON, without what it costs the operator. `unit_price` is a decimal in a string, in US dollars for `per`
    units; null without a price."""
    return {
        "record": line.key,
        "session": line.session_id,
        "response": line.response_id,
        "item": line.item_id,
        "kind": line.kind,
        "attempt": line.attempt,
        "model": line.model,
        "unit": line.unit,
        "quantity": line.quantity,
        "price_micro": line.price_micro,
        "unit_price": None if line.unit_price is None else f"{line.unit_price.normalize():f}",
        "per": line.per,
        "rate": line.rate_id,
        "estimated": line.estimated,
        "unpriced": not line.is_priced,
        "outcome": line.outcome,
        "api_key": line.api_key_id,
        "agent_version": line.agent_version_id,
        "customer": line.customer_id,
        "at": line.at,
    }
