"""How well agents do: the one definition of each number, for the page, the reports and the API.

A session counts when it began, a turn when the user's speech ended. docs/analytics.md tells people the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import F, QuerySet

from apps.analytics.filtering import EVERYTHING, Filters, VersionNames, version_names
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import current_database
from apps.transcripts.models import Outcome, TurnTime
from apps.usage.periods import Period

Way = Literal["agent", "version", "model", "language", "outcome"]
WAYS: Mapping[Way, str] = {
    "agent": "Agent",
    "version": "Version",
    "model": "Model",
    "language": "Language",
    "outcome": "Outcome",
}
Step = Literal["hour", "day", "week"]
Stage = Literal["transcript", "first_token", "first_audio", "total"]
STAGES: Mapping[Stage, str] = {
    "transcript": "Transcript",
    "first_token": "First token",
    "first_audio": "First audio",
    "total": "In all",
}
SHARES = (0.5, 0.9, 0.95, 0.99)
_SPANS: Mapping[Step, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_TELLING = ("end_reason", "outcome", "sentiment")
_BY_VERSION: Mapping[
    str, tuple[str, str]
] = {  # what is looked up of the agent's version, and the group's name
    "agent": ("agent_slug", "version.named"),
    "model": ("model", "coalesce(nullif(version.named, ''), model)"),
}
_ALL = "all"
_KEYS: Mapping[str, str] = {
    _ALL: "''::text",
    "version": "agent_version_id::text",
    "language": "nullif(language, '')",
    "outcome": "outcome",
}
_COUNTS = (
    "count(*)",
    "sum(extract(epoch FROM coalesce(ended_at, now()) - started_at))::float8",
    *(f"sum({name})::bigint" for name in ("turns", "responses", "interruptions", "errors")),
    "count(*) FILTER (WHERE errors > 0)",
    "sum(cost_micro)::bigint",
)
_SESSIONS = f"""
    SELECT GROUPING({", ".join(_TELLING)}), key, {", ".join(_TELLING)}, {", ".join(_COUNTS)}
    FROM (SELECT %(key)s AS key, one.* FROM (%(inner)s) AS one %(named)s) AS session
    GROUP BY GROUPING SETS ((key), {", ".join(f"(key, {name})" for name in _TELLING)})
"""
_TURNS = """
    SELECT %(key)s, count(*), count(total_ms), count(*) FILTER (WHERE interrupted AND total_ms IS NOT NULL),
        %(took)s
    FROM (%(inner)s) AS one %(named)s
    GROUP BY 1
"""
_TOOK = f"percentile_cont(ARRAY{list(SHARES)}) WITHIN GROUP (ORDER BY %s_ms)"


@dataclass(frozen=True, slots=True)
class Percentiles:
    """In ms: so many of 100 turns took no longer. None where no turn had the stage."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(slots=True)
class Measures:
    """Of a group of sessions and turns.

    `turns` and `responses` are what the sessions had, typed ones included; `spoken` of the turns were spoken,
    `answered` of these heard an answer, and `interrupted` of these talked over it. `failing` sessions had an error.
    `price_micro` is what the tenant is billed for the sessions, in micro-dollars. `outcomes`, `sentiments` and
    `end_reasons` count sessions; one that was not looked at yet has no outcome and no sentiment.
    """

    sessions: int = 0
    seconds: float = 0.0
    turns: int = 0
    responses: int = 0
    interruptions: int = 0
    errors: int = 0
    failing: int = 0
    price_micro: int = 0
    end_reasons: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    sentiments: dict[str, int] = field(default_factory=dict)
    spoken: int = 0
    answered: int = 0
    interrupted: int = 0
    latency: dict[Stage, Percentiles] = field(default_factory=lambda: dict.fromkeys(STAGES, Percentiles()))

    @property
    def minutes(self) -> float:
        return self.seconds / 60

    @property
    def turns_per_session(self) -> float | None:
        return _ratio(self.turns, self.sessions)

    @property
    def interruptions_per_session(self) -> float | None:
        return _ratio(self.interruptions, self.sessions)

    @property
    def interrupted_share(self) -> float | None:
        """Of the answers to spoken turns."""
        return _ratio(self.interrupted, self.answered)

    @property
    def error_rate(self) -> float | None:
        """The share of sessions that had an error."""
        return _ratio(self.failing, self.sessions)

    @property
    def micro_per_minute(self) -> float | None:
        return _ratio(self.price_micro, self.minutes)

    @property
    def resolved_share(self) -> float | None:
        """Of the sessions whose outcome can be told."""
        told = sum(count for name, count in self.outcomes.items() if name != Outcome.UNKNOWN)
        return _ratio(self.outcomes.get(Outcome.RESOLVED, 0), told)

    @property
    def is_empty(self) -> bool:
        return not self.sessions and not self.spoken


@dataclass(frozen=True, slots=True)
class Row:
    """`key` is None for what has none: no agent, no language known, no outcome yet. It is an agent's slug, a
    version's id, a model's name, a language or an outcome; empty where nothing is told apart."""

    key: str | None
    label: str
    measures: Measures


def measures_of(
    period: Period,
    group_by: Way | None = None,
    filters: Filters = EVERYTHING,
    *,
    names: VersionNames | None = None,
    stages: Sequence[Stage] = tuple(STAGES),
) -> list[Row]:
    """Of the current tenant, the group with the most sessions first; without `group_by` one row. Two queries, and
    one for the names of agents' versions, unless they are given. Of many turns the latencies take long: who wants
    those of some `stages` only says so."""
    names = names or version_names()
    found = _measured(period, group_by or _ALL, filters, names, stages)
    if group_by is None:
        return [Row("", "All", found.get("", Measures()))]
    rows = [Row(key, _label(group_by, key, names), measures) for key, measures in found.items()]
    return sorted(rows, key=lambda row: (-row.measures.sessions, -row.measures.spoken, row.label))


def series_of(
    period: Period,
    step: Step,
    filters: Filters = EVERYTHING,
    *,
    until: datetime | None = None,
    names: VersionNames | None = None,
    stages: Sequence[Stage] = tuple(STAGES),
) -> list[tuple[datetime, Measures]]:
    """The course of the period: each hour, day or week of UTC by its beginning, the empty ones too, but none that
    begins after `until`."""
    found = _measured(period, f"date_trunc('{step}', at, 'UTC')", filters, names or version_names(), stages)
    return [(at, found.get(at, Measures())) for at in _moments(period, step, until)]


def usual_step(period: Period) -> Step:
    """Of which a chart has not too many points."""
    return "hour" if period.is_hourly else "day" if period.days <= 92 else "week"


def _measured(
    period: Period, key: str, filters: Filters, names: VersionNames, stages: Sequence[Stage]
) -> dict[Any, Measures]:
    found: dict[Any, Measures] = {}
    for bits, group, *row in _rows(_SESSIONS, key, _sessions(period, key, filters, names), names):
        _count_sessions(found.setdefault(group, Measures()), bits, row[: len(_TELLING)], row[len(_TELLING) :])
    query = _TURNS.replace("%(took)s", ", ".join(_TOOK % stage for stage in stages))
    turns = _turns(period, key, filters, names)
    for group, spoken, answered, interrupted, *latencies in _rows(query, key, turns, names):
        measures = found.setdefault(group, Measures())
        measures.spoken, measures.answered, measures.interrupted = spoken, answered, interrupted
        for stage, shares in zip(stages, latencies, strict=True):
            measures.latency[stage] = Percentiles(*shares or ())
    return found


def _count_sessions(measures: Measures, bits: int, told: Sequence[str | None], counts: Sequence[Any]) -> None:
    """`bits` are those of GROUPING: of all of the group's sessions, or of those that are alike in one way."""
    if bits == 0b111:
        (
            measures.sessions,
            measures.seconds,
            measures.turns,
            measures.responses,
            measures.interruptions,
            measures.errors,
            measures.failing,
            measures.price_micro,
        ) = counts
        return
    number = next(n for n in range(len(_TELLING)) if not bits >> len(_TELLING) - 1 - n & 1)
    if name := told[number]:
        (measures.end_reasons, measures.outcomes, measures.sentiments)[number][name] = counts[0]


def _sessions(period: Period, key: str, filters: Filters, names: VersionNames) -> QuerySet[Any, Any]:
    began = RealtimeSession.objects.filter(started_at__gte=period.since, started_at__lt=period.before)
    asked = {"at": F("started_at"), "outcome": F("insights__outcome"), "sentiment": F("insights__sentiment")}
    if key == "language":
        asked["language"] = F("transcript__languages__0")
    rows: QuerySet[Any, Any] = began.filter(filters.of_sessions(names)).order_by()
    return rows.values(
        "started_at",
        "ended_at",
        "end_reason",
        "turns",
        "responses",
        "interruptions",
        "errors",
        "cost_micro",
        "agent_version_id",
        "model",
        **asked,
    )


def _turns(period: Period, key: str, filters: Filters, names: VersionNames) -> QuerySet[Any, Any]:
    heard = TurnTime.objects.filter(at__gte=period.since, at__lt=period.before)
    asked = {"outcome": F("session__insights__outcome")} if key == "outcome" else {}
    rows: QuerySet[Any, Any] = heard.filter(filters.of_turns(names)).order_by()
    latencies = (f"{stage}_ms" for stage in STAGES)
    return rows.values("at", "interrupted", "agent_version_id", "model", "language", *latencies, **asked)


def _rows(query: str, key: str, inner: QuerySet[Any, Any], names: VersionNames) -> Sequence[Any]:
    try:
        sql, given = inner.query.sql_with_params()
    except EmptyResultSet:  # of an agent that there is not
        return []
    named, listed = "", list[Any]()
    if key in _BY_VERSION:
        looked_up, key = _BY_VERSION[key]
        named = (
            "LEFT JOIN unnest(%s::uuid[], %s::text[]) AS version (id, named) ON version.id = agent_version_id"
        )
        listed = list(names.columns(looked_up))
    with connections[current_database()].cursor() as cursor:
        cursor.execute(query % {"key": _KEYS.get(key, key), "inner": sql, "named": named}, [*given, *listed])
        rows: Sequence[Any] = cursor.fetchall()
        return rows


def _label(way: Way, key: str | None, names: VersionNames) -> str:
    if key is None:
        return {"language": "Not known", "outcome": "Not told yet"}.get(way, "No agent")
    if way == "agent":
        return names.agents()[key]
    if way == "version":
        version = names.of.get(UUID(key))
        return version.label if version else "Deleted"
    return Outcome(key).label if way == "outcome" else key


def _moments(period: Period, step: Step, until: datetime | None) -> Iterator[datetime]:
    at, end = period.since, min(period.before, until or period.before)
    if step == "week":
        at -= timedelta(days=at.weekday())
    while at < end:
        yield at
        at += _SPANS[step]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
