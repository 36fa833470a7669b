"""What was used and billed in a period, told apart in each way. Read from the sums, never from lines."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

from django.db import connections
from django.db.models import Q, QuerySet, Sum

from apps.agents.models import AgentVersion
from apps.core.tenancy import current_database
from apps.keys.models import ApiKey
from apps.usage.filtering import UsageFilter
from apps.usage.models import UsageDay, UsageHour
from apps.usage.periods import Period

Way = Literal["kind", "model", "unit", "api_key_id", "agent_version_id", "customer_id"]
_WAYS: tuple[Way, ...] = ("kind", "model", "unit", "api_key_id", "agent_version_id", "customer_id")
_SUMS = ("price", "estimated", "unpriced_lines", "lines", "used", "tokens")
_QUERY = f"""
    SELECT GROUPING({", ".join(_WAYS)}), {", ".join(_WAYS)}, {", ".join(f"SUM({each})::bigint" for each in _SUMS)}
    FROM (%s) AS apart
    GROUP BY GROUPING SETS ({", ".join(f"({way})" for way in _WAYS)})
"""


@dataclass(frozen=True, slots=True)
class Use:
    """Sums of lines. `estimated_micro` is the part of the price that is an estimate, `unpriced` the number of lines
    that nobody has a price for. `quantity` means something only where all lines have one unit."""

    price_micro: int = 0
    estimated_micro: int = 0
    unpriced: int = 0
    records: int = 0
    quantity: int = 0
    tokens: int = 0

    def __add__(self, other: "Use") -> "Use":
        return Use(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Use)))


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`by` has the groups of each way, those that were billed most first. `course` has what was billed on each day,
    or in each hour of an hourly period, for each kind; without an entry nothing was used."""

    total: Use
    by: Mapping[Way, Mapping[Any, Use]]
    course: Mapping[tuple[datetime | date, str], int]


def breakdown_of(period: Period, wanted: UsageFilter) -> Breakdown:
    """Of the current tenant. Two queries: what differs in time alone is added up once, before the ways are told."""
    sums = sums_of(period, wanted).order_by()
    apart = sums.values(*_WAYS).annotate(
        price=Sum("price_micro"),
        estimated=Sum("estimated_micro"),
        unpriced_lines=Sum("unpriced"),
        lines=Sum("records"),
        used=Sum("quantity"),
        tokens=Sum("quantity", filter=Q(unit__endswith="_token"), default=0),
    )
    inner, given = apart.query.sql_with_params()
    by: dict[Way, dict[Any, Use]] = {way: {} for way in _WAYS}
    with connections[current_database()].cursor() as cursor:
        cursor.execute(_QUERY % inner, given)
        rows = cursor.fetchall()
    for bits, *row in rows:
        # All ways but one are marked as left out, the first by the highest bit.
        number = next(n for n in range(len(_WAYS)) if not bits >> len(_WAYS) - 1 - n & 1)
        by[_WAYS[number]][row[number]] = Use(*row[len(_WAYS) :])
    when = "hour" if period.is_hourly else "day"
    course = sums.values_list(when, "kind").annotate(Sum("price_micro"))
    return Breakdown(
        sum(by["kind"].values(), Use()),
        {way: _dearest_first(groups) for way, groups in by.items()},
        {(at, kind): int(price) for at, kind, price in course},
    )


def sums_of(period: Period, wanted: UsageFilter, *, hourly: bool | None = None) -> QuerySet[Any]:
    """Sums by hour, or by day; without being told, by what the period's course has a point for."""
    if period.is_hourly if hourly is None else hourly:
        return UsageHour.objects.filter(hour__gte=period.since, hour__lt=period.before, **wanted.conditions)
    return UsageDay.objects.filter(day__gte=period.first, day__lte=period.last, **wanted.conditions)


def spends_of(*periods: Period) -> Sequence[int]:
    """What was billed in each, in micro-dollars. One query."""
    asked = {
        f"of_{number}": Sum("price_micro", filter=Q(day__gte=period.first, day__lte=period.last), default=0)
        for number, period in enumerate(periods)
    }
    first, last = min(period.first for period in periods), max(period.last for period in periods)
    found = UsageDay.objects.filter(day__gte=first, day__lte=last).aggregate(**asked)
    return [int(found[name]) for name in asked]


def merged(groups: Mapping[Any, Use], key_of: Callable[[Any], Any]) -> Mapping[Any, Use]:
    """Groups whose keys come to the same are one."""
    found: dict[Any, Use] = {}
    for key, use in groups.items():
        found[key_of(key)] = found.get(key_of(key), Use()) + use
    return _dearest_first(found)


@dataclass(frozen=True, slots=True)
class Names:
    """What keys and agents are called; what is deleted has no name."""

    keys: Mapping[uuid.UUID, str]
    agents: Mapping[
        uuid.UUID, tuple[str, str, int]
    ]  # of a version: the agent's slug and name, and its number

    def agent_slug(self, version_id: uuid.UUID | None) -> str | None:
        """Of a version; None without one, or when it is deleted."""
        found = self.agents.get(version_id) if version_id else None
        return found[0] if found else None


def names_of(
    *,
    key_ids: Sequence[uuid.UUID | None] | None = None,
    version_ids: Sequence[uuid.UUID | None] | None = None,
) -> Names:
    """Of these keys and versions of agents; of all of them if None is given."""
    keys = ApiKey.objects.order_by()
    versions = AgentVersion.objects.order_by()
    if key_ids is not None:
        keys = keys.filter(id__in=[each for each in set(key_ids) if each])
    if version_ids is not None:
        versions = versions.filter(id__in=[each for each in set(version_ids) if each])
    found = versions.values_list("id", "agent__slug", "agent__name", "number")
    return Names(
        dict(keys.values_list("id", "name")),
        {id: (slug, name, number) for id, slug, name, number in found},
    )


def _dearest_first(groups: Mapping[Any, Use]) -> Mapping[Any, Use]:
    ordered = sorted(groups.items(), key=lambda each: (-each[1].price_micro, -each[1].records, str(each[0])))
    return dict(ordered)
