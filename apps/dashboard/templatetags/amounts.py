"""Amounts as people read them."""

from datetime import timedelta

from django import template

from apps.conversations.costs import Line
from apps.usage.presenting import UNIT_NAMES, shown_price

register = template.Library()

_MICRO = 1_000_000


@register.filter
def dollars(micro: int | None) -> str:
    """Micro-dollars: `$12.30`, and of small amounts what can be told apart."""
    micro = micro or 0
    if micro == 0:
        return "$0"
    digits = 2 if micro >= _MICRO else 4 if micro >= 1000 else 6
    return f"${micro / _MICRO:,.{digits}f}"


@register.filter
def dollars_exact(micro: int | None) -> str:
    """Micro-dollars to the last of them, but never fewer than cents: `-$12.30`, `$0.000012`."""
    sign, (whole, part) = "-" if (micro or 0) < 0 else "", divmod(abs(micro or 0), _MICRO)
    return f"{sign}${whole:,}.{f'{part:06}'.rstrip('0').ljust(2, '0')}"


@register.filter
def percent_of_bp(basis_points: int) -> str:
    return f"{basis_points / 100:g} %"


@register.filter
def lasting(time: timedelta | None) -> str:
    """`48 s`, `3:05`, `1:02:00`."""
    if time is None:
        return ""
    minutes, seconds = divmod(max(0, round(time.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}" if minutes else f"{seconds} s"


@register.filter
def lasting_ms(ms: float | None) -> str:
    return lasting(timedelta(milliseconds=ms or 0))


@register.filter
def in_ms(ms: float | None) -> str:
    """`412 ms`, `1.32 s`."""
    if ms is None:
        return "none"
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{round(ms)} ms"


@register.filter
def rate(line: Line) -> str:
    """`$4 per million tokens`"""
    return shown_price(line.unit, line.unit_price, line.per)


@register.filter
def used(line: Line) -> str:
    """`1,200 tokens, text in`"""
    name = unit_name(line.unit)
    shown = quantity(line.quantity, line.unit)
    if line.unit == "character":
        return shown
    return f"{shown}, {name}" if line.unit.endswith(("_ms", "_token")) else f"{shown} {name}"


@register.filter
def quantity(number: int, unit: str) -> str:
    """`1,200 tokens`, `3:05`, `400 characters`, `7`."""
    if unit.endswith("_ms"):
        return lasting_ms(number)
    if unit.endswith("_token"):
        return f"{number:,} tokens"
    return f"{number:,} characters" if unit == "character" else f"{number:,}"


@register.filter
def minutes(ms: int) -> str:
    """Of an hour or more without a part."""
    return f"{ms / 60_000:,.1f}" if ms < 3_600_000 else f"{ms / 60_000:,.0f}"


@register.filter
def unit_name(unit: str) -> str:
    """`text in`"""
    name: str = dict(UNIT_NAMES).get(unit, unit)  # type: ignore[call-overload]
    return name


@register.filter
def thousands(number: int) -> str:
    """`1,200`"""
    return f"{number:,}"
