"""Months of UTC, by their first day."""

from collections.abc import Iterator
from datetime import date, timedelta


def month_of(day: date) -> date:
    return day.replace(day=1)


def following(month: date) -> date:
    return month_of(month + timedelta(days=31))


def last_day(month: date) -> date:
    return following(month) - timedelta(days=1)


def months_between(first: date, end: date) -> Iterator[date]:
    """Those that begin before `end`."""
    month = month_of(first)
    while month < end:
        yield month
        month = following(month)


def month_named(text: str) -> date | None:
    """`2026-06`; None for what is none."""
    try:
        return date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None
