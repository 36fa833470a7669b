"""What a report is to be of."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError

from apps.reports.models import ReportKind
from apps.usage.filtering import NONE, Asked, UsageFilter
from apps.usage.models import Kind
from apps.usage.periods import LONGEST_DAYS, Period, today_utc

EVERYTHING = UsageFilter()

GROUPS: Mapping[ReportKind, Mapping[str, str]] = {
    ReportKind.COST: {
        "model": "Model",
        "kind": "Kind",
        "agent": "Agent",
        "api_key": "API key",
        "customer": "Customer",
    },
    ReportKind.QUALITY: {
        "none": "All together",
        "agent": "Agent",
        "version": "Version",
        "model": "Model",
        "language": "Language",
        "outcome": "Outcome",
    },
    ReportKind.AGENTS: {"agent": "Agent", "version": "Version"},
}
"""By which a kind of report tells apart what it is of; the first is the usual one."""

FILTERS: Mapping[ReportKind, frozenset[str]] = {
    ReportKind.USAGE: frozenset({"kind", "model", "agent", "api_key_id", "customer_id"}),
    ReportKind.COST: frozenset({"kind", "model", "agent", "api_key_id", "customer_id"}),
    ReportKind.QUALITY: frozenset({"model", "agent"}),
    ReportKind.AGENTS: frozenset({"model", "agent"}),
    ReportKind.SESSION: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`first` and `last` are days of UTC, both in it; None for a sheet, which is of the session `session_id`, and
    for a schedule, whose days follow from when it is due."""

    kind: ReportKind
    first: date | None = None
    last: date | None = None
    group: str = ""
    only: UsageFilter = EVERYTHING
    session_id: str = ""

    @property
    def period(self) -> Period:
        if self.first is None or self.last is None:
            raise ValueError("It has no days yet.")
        return Period(self.first, self.last)

    @property
    def as_json(self) -> dict[str, Any]:
        """What is not asked for is left out."""
        told = {
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "group": self.group,
            "session_id": self.session_id,
            **{name: _text(getattr(self.only, name)) for name in _ONLY},
        }
        return {name: value for name, value in told.items() if value}

    @classmethod
    def of_json(cls, kind: str, told: Mapping[str, Any]) -> "Wanted":
        return cls(
            ReportKind(kind),
            _day(told.get("first")),
            _day(told.get("last")),
            told.get("group", ""),
            UsageFilter(
                kind=told.get("kind"),
                model=told.get("model"),
                agent=told.get("agent"),
                api_key_id=_asked(told.get("api_key_id")),
                customer_id=_asked(told.get("customer_id")),
            ),
            told.get("session_id", ""),
        )


_ONLY = ("kind", "model", "agent", "api_key_id", "customer_id")


def checked(wanted: Wanted, *, with_days: bool = True) -> Wanted:
    """With the usual group where none is given. Raises ValidationError, by field, with what to do."""
    if wanted.kind == ReportKind.SESSION:
        if not wanted.session_id or not with_days:
            raise ValidationError({"session_id": "A sheet is of one session: say which."})
        return Wanted(wanted.kind, session_id=wanted.session_id)
    problems: dict[str, str] = {}
    if with_days:
        problems |= _problem_of_days(wanted.first, wanted.last)
    groups = GROUPS.get(wanted.kind, {})
    group = wanted.group or next(iter(groups), "")
    if group and group not in groups:
        known = ", ".join(groups) or "none"
        problems["group"] = f"This report is not told apart by {group!r}: choose one of {known}."
    if wanted.only.kind is not None and wanted.only.kind not in Kind.values:
        problems["kind"] = f"There is no kind {wanted.only.kind!r}: choose one of {', '.join(Kind.values)}."
    for name in _ONLY:
        if getattr(wanted.only, name) is not None and name not in FILTERS[wanted.kind]:
            problems[name] = f"The report {wanted.kind.label!r} can't be narrowed by that: leave it out."
    if problems:
        raise ValidationError(problems)
    return Wanted(wanted.kind, wanted.first, wanted.last, group, wanted.only)


def _problem_of_days(first: date | None, last: date | None) -> dict[str, str]:
    if first is None or last is None:
        return {"first" if first is None else "last": "Choose a day."}
    if last > today_utc():
        return {"last": "Choose a last day that is not after today, in UTC."}
    if first > last:
        return {"first": "Choose a first day that is not after the last."}
    if (last - first).days >= LONGEST_DAYS:
        return {"first": f"Choose at most {LONGEST_DAYS} days."}
    return {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _asked(text: str | None) -> Asked:
    return None if text is None else NONE if text == NONE else uuid.UUID(text)
