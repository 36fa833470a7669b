"""The groups of the analytics page as a table, as a file, and as addresses of their sessions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from apps.analytics.measures import STAGES, Row, Way
from apps.core.spreadsheets import csv_lines
from apps.dashboard.forms.analytics import AnalyticsForm
from apps.dashboard.templatetags.amounts import dollars, in_ms
from apps.transcripts.models import Outcome, Sentiment
from apps.usage.filtering import NONE

_SHARES = ("p50", "p90", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Column:
    """`shown` says the value in words, unless it is None."""

    name: str
    label: str
    value: Callable[[Row], Any]
    shown: Callable[[Any], str]
    is_number: bool = True

    def text(self, row: Row) -> str:
        value = self.value(row)
        return "–" if value is None else self.shown(value)


def _of(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.measures, name)


def _total(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.measures.latency["total"], name)


def _percent(share: float) -> str:
    return f"{share:.1%}"


COLUMNS = (
    Column("sessions", "Sessions", _of("sessions"), "{:,}".format),
    Column("minutes", "Minutes", _of("minutes"), "{:,.0f}".format),
    Column("p50", "Response", _total("p50"), in_ms),
    Column("p90", "90 of 100", _total("p90"), in_ms),
    Column("p99", "99 of 100", _total("p99"), in_ms),
    Column("interrupted", "Interrupted", _of("interrupted_share"), _percent),
    Column("errors", "Errors", _of("error_rate"), _percent),
    Column("resolved", "Resolved", _of("resolved_share"), _percent),
    Column("cost", "Cost/min", _of("micro_per_minute"), lambda micro: dollars(round(micro))),
)


def sorted_rows(rows: Sequence[Row], asked: str) -> list[Row]:
    """By a column's name, with a - from the highest; what has no number is last. Else as they are."""
    name = asked.removeprefix("-")
    value = next((column.value for column in COLUMNS if column.name == name), None)
    if name == "name":
        return sorted(rows, key=lambda row: row.label.lower(), reverse=asked.startswith("-"))
    if value is None:
        return list(rows)
    with_number = [row for row in rows if value(row) is not None]
    without = [row for row in rows if value(row) is None]
    return [*sorted(with_number, key=value, reverse=asked.startswith("-")), *without]


def sessions_query(form: AnalyticsForm, key: str | None) -> str:
    """What the list of sessions is asked for to show those of a group; empty where it can't be asked."""
    asked = {name: value for name in form.narrowing if (value := getattr(form.filters, name))}
    if form.group_by is not None:
        asked["agent" if form.group_by == "version" else form.group_by] = NONE if key is None else key
    if NONE in asked.values():
        return ""
    if agent := asked.pop("agent", ""):
        version = next(
            (each for id, each in form.names.of.items() if agent in (each.agent_slug, str(id))), None
        )
        if version is None:
            return ""
        asked["agent"] = str(version.agent_id)
        if agent != version.agent_slug:
            asked["version"] = str(version.number)
    period = form.asked_period
    return urlencode(asked | {"since": str(period.first), "until": str(period.last)}, safe="/:")


def measures_csv(rows: Sequence[Row], by: Way | None) -> str:
    names = (
        "sessions",
        "minutes",
        "turns",
        "responses",
        "interruptions",
        "failing",
        "errors",
        "spoken",
        "answered",
        "interrupted",
        "interrupted_share",
        "error_rate",
        "resolved_share",
        "price_micro",
    )
    head = [
        by or "all",
        "label",
        *names,
        "price_usd",
        *(f"{stage}_{share}_ms" for stage in STAGES for share in _SHARES),
        *(f"outcome_{name}" for name in Outcome.values),
        *(f"sentiment_{name}" for name in Sentiment.values),
    ]
    return csv_lines([head, *(_line(row, names) for row in rows)])


def _line(row: Row, names: Sequence[str]) -> Sequence[object]:
    measures = row.measures
    return [
        row.key,
        row.label,
        *(_rounded(getattr(measures, name)) for name in names),
        f"{Decimal(measures.price_micro).scaleb(-6):f}",
        *(_rounded(getattr(measures.latency[stage], share)) for stage in STAGES for share in _SHARES),
        *(measures.outcomes.get(name, 0) for name in Outcome.values),
        *(measures.sentiments.get(name, 0) for name in Sentiment.values),
    ]


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else value
