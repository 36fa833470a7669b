"""How well conversations went, by the measures of `apps.analytics`: the same numbers as on its page."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from apps.analytics.filtering import Filters
from apps.analytics.measures import STAGES, WAYS, Measures, Stage, measures_of, series_of, usual_step
from apps.analytics.measures import Row as Group
from apps.conversations.models import EndReason
from apps.reports.kinds.naming import Naming
from apps.reports.parameters import Wanted
from apps.reports.tables import Chart, Column, Row, Section, Shows, fixed
from apps.transcripts.models import Outcome, Sentiment

_LATENCY = "Of 100 spoken turns that were answered so many took no longer: half of them p50, 99 of them p99."
_SHARES = ("p50", "p90", "p95", "p99")
FACTS = (
    Column("Sessions", Shows.INTEGER, is_summed=True),
    Column("Minutes", Shows.NUMBER, is_summed=True),
    Column("Turns", Shows.INTEGER, is_summed=True),
    Column("Interrupted answers", Shows.PERCENT, 1.2),
    Column("Sessions with errors", Shows.PERCENT, 1.2),
    Column("Resolved", Shows.PERCENT),
    Column("Price", Shows.MONEY, 1.2, is_summed=True),
    Column("Price a minute", Shows.MONEY, 1.2),
)


def sections(wanted: Wanted, naming: Naming) -> list[Section]:
    filters = Filters(agent=wanted.only.agent, model=wanted.only.model)
    way = wanted.group if wanted.group in WAYS else None
    label = WAYS[way] if way else "Group"  # type: ignore[index]
    groups = measures_of(wanted.period, way, filters)  # type: ignore[arg-type]
    facts: list[Row] = [
        (group.label, *facts_of(group.measures)) for group in groups if not group.measures.is_empty
    ]
    course = series_of(wanted.period, usual_step(wanted.period), filters)
    return [
        Section("In short", [Column(label, width=2), *FACTS], fixed(facts), len(facts)),
        latency_section(label, groups),
        _course(wanted, course),
        _counted("Outcomes", label, groups, [(m.outcomes, Outcome) for m in _each(groups)]),
        _counted("Sentiment of users", label, groups, [(m.sentiments, Sentiment) for m in _each(groups)]),
        _counted("Why sessions ended", label, groups, [(m.end_reasons, EndReason) for m in _each(groups)]),
    ]


def facts_of(measures: Measures) -> Row:
    return (
        measures.sessions,
        measures.minutes,
        measures.turns,
        _percent(measures.interrupted_share),
        _percent(measures.error_rate),
        _percent(measures.resolved_share),
        measures.price_micro,
        _whole(measures.micro_per_minute),
    )


def latency_section(label: str, groups: Sequence[Group], chart: Chart | None = None) -> Section:
    rows: list[Row] = [
        (group.label, name, group.measures.answered, *_percentiles(group.measures, stage))
        for group in groups
        for stage, name in STAGES.items()
        if group.measures.answered
    ]
    columns = [
        Column(label, width=2),
        Column("Stage", width=1.4),
        Column("Turns answered", Shows.INTEGER, 1.2),
        *(Column(share, Shows.MS) for share in _SHARES),
    ]
    return Section("Latency by stage", columns, fixed(rows), len(rows), _LATENCY, chart)


def _course(wanted: Wanted, course: Sequence[tuple[datetime, Measures]]) -> Section:
    step = usual_step(wanted.period)
    hourly = step == "hour"
    rows: list[Row] = [
        (
            at if hourly else at.date(),
            measures.sessions,
            measures.answered,
            *_percentiles(measures, "total"),
            _percent(measures.interrupted_share),
            _percent(measures.error_rate),
        )
        for at, measures in course
    ]
    # A day on which nothing was answered has no latency, and is left out of the lines.
    told = [(at, measures) for at, measures in course if measures.answered]
    chart = Chart(
        "Latency in all",
        [f"{at:%Y-%m-%d %H:%M}" if hourly else f"{at:%Y-%m-%d}" for at, _ in told],
        [
            (share, [getattr(measures.latency["total"], share) or 0.0 for _, measures in told])
            for share in ("p50", "p90", "p99")
        ],
        "lines",
        Shows.MS,
    )
    columns = [
        Column(step.capitalize(), Shows.MOMENT if hourly else Shows.DATE, 1.5),
        Column("Sessions", Shows.INTEGER, is_summed=True),
        Column("Turns answered", Shows.INTEGER, is_summed=True),
        *(Column(share, Shows.MS) for share in _SHARES),
        Column("Interrupted answers", Shows.PERCENT, 1.2),
        Column("Sessions with errors", Shows.PERCENT, 1.2),
    ]
    title = f"Course by {step}"
    return Section(title, columns, fixed(rows), len(rows), chart=chart if told else None)


def _counted(
    title: str,
    label: str,
    groups: Sequence[Group],
    counts: Sequence[tuple[Mapping[str, int], type[Outcome] | type[Sentiment] | type[EndReason]]],
) -> Section:
    """How many sessions of each group came to what."""
    rows: list[Row] = [
        (group.label, str(names(value).label), number, 100 * number / group.measures.sessions)
        for group, (found, names) in zip(groups, counts, strict=True)
        for value, number in sorted(found.items(), key=lambda each: -each[1])
    ]
    columns = [
        Column(label, width=2),
        Column(title.split()[0] if title != "Why sessions ended" else "Reason", width=2.4),
        Column("Sessions", Shows.INTEGER, is_summed=True),
        Column("Share", Shows.PERCENT),
    ]
    return Section(title, columns, fixed(rows), len(rows))


def _each(groups: Sequence[Group]) -> Iterable[Measures]:
    return (group.measures for group in groups)


def _percentiles(measures: Measures, stage: Stage) -> list[float | None]:
    found = measures.latency[stage]
    return [_whole(getattr(found, share)) for share in _SHARES]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
