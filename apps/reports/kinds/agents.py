"""Agents, or their versions, side by side."""

from collections.abc import Sequence

from apps.analytics.filtering import Filters
from apps.analytics.measures import Row as Group
from apps.analytics.measures import measures_of
from apps.reports.kinds.naming import Naming
from apps.reports.kinds.quality import FACTS, facts_of, latency_section
from apps.reports.parameters import GROUPS, Wanted
from apps.reports.tables import Chart, Column, Row, Section, Shows, fixed
from apps.transcripts.models import Outcome

_MICRO = 1_000_000
_MOST_BARS = 20


def sections(wanted: Wanted, naming: Naming) -> list[Section]:
    filters = Filters(agent=wanted.only.agent, model=wanted.only.model)
    found = measures_of(wanted.period, wanted.group, filters)  # type: ignore[arg-type]
    groups = [row for row in found if row.key is not None]
    if wanted.group == "version":  # those of one agent stand together
        groups = sorted(groups, key=_version)
    label = GROUPS[wanted.kind][wanted.group]
    facts: list[Row] = [(row.label, *facts_of(row.measures)) for row in groups]
    outcomes: list[Row] = [
        (row.label, *(row.measures.outcomes.get(each, 0) for each in Outcome)) for row in groups
    ]
    told = [Column(each.label, Shows.INTEGER, is_summed=True) for each in Outcome]
    name = Column(label, width=2)
    price = _chart("Price a minute", groups, [("USD", [_dollars(row) for row in groups])], Shows.MONEY)
    return [
        Section("Side by side", [name, *FACTS], fixed(facts), len(facts), chart=price),
        latency_section(label, groups, _latency(groups)),
        Section("What became of sessions", [name, *told], fixed(outcomes), len(outcomes)),
    ]


def _latency(groups: Sequence[Group]) -> Chart | None:
    answered = [row for row in groups if row.measures.answered]
    usual = [row.measures.latency["total"].p50 or 0.0 for row in answered]
    slow = [(row.measures.latency["total"].p90 or 0.0) for row in answered]
    more = [max(high - low, 0.0) for low, high in zip(usual, slow, strict=True)]
    return _chart(
        "Latency in all: p50, and from there to p90", answered, [("p50", usual), ("p90", more)], Shows.MS
    )


def _chart(
    title: str, groups: Sequence[Group], series: Sequence[tuple[str, Sequence[float]]], shows: Shows
) -> Chart | None:
    if not groups:
        return None
    labels = [row.label for row in groups[:_MOST_BARS]]
    return Chart(title, labels, [(name, values[:_MOST_BARS]) for name, values in series], shows=shows)


def _dollars(row: Group) -> float:
    return (row.measures.micro_per_minute or 0.0) / _MICRO


def _version(row: Group) -> tuple[str, int]:
    """By the agent's name, and the version's number."""
    name, _, number = row.label.rpartition(" v")
    return (name, int(number)) if number.isdigit() else (row.label, 0)
