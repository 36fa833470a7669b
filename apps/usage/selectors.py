import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast, get_args

from django.db.models import Q, QuerySet, Sum

from antiphon.metering.price_files import list_prices
from antiphon.metering.rates import Rate
from antiphon.providers.catalogue import loader
from antiphon.providers.catalogue.entries import Entry, Kind, Lifecycle
from apps.usage.filtering import UsageFilter
from apps.usage.models import UsageHour, UsageLine

KINDS: tuple[str, ...] = get_args(Kind)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model of the catalogue as it is today, with the rates of today and those to come."""

    entry: Entry
    lifecycle: Lifecycle
    rates: Sequence[Rate]
    today: date

    @property
    def current_rates(self) -> list[Rate]:
        return [rate for rate in self.rates if rate.is_valid(self.today)]


def listed_models(
    *, kind: str | None = None, provider: str | None = None, text: str = ""
) -> list[ListedModel]:
    """By name. `text` is part of the name; what is None is not asked for."""
    now = time.time() * 1000
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    return [
        ListedModel(entry, entry.lifecycle_on(today), list_prices().rates_from(entry.name, now), today)
        for entry in loader.entries(kind=cast(Kind | None, kind), provider=provider)
        if text.lower() in entry.name.lower()
    ]


def usage_lines(
    *, session_id: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[UsageLine]:
    """Of the current tenant, the latest first. `until` is not included; what is None is not asked for."""
    lines = UsageLine.objects.all()
    if session_id is not None:
        lines = lines.filter(session_id=session_id)
    if since is not None:
        lines = lines.filter(at__gte=since)
    if until is not None:
        lines = lines.filter(at__lt=until)
    return lines


@dataclass(slots=True)
class UsageSums:
    """What lines add up to, in all and for each kind, model and unit."""

    records: int = 0
    price_micro: int = 0
    estimated_micro: int = 0
    unpriced: int = 0
    _by_model: defaultdict[tuple[str, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )

    def add(self, line: UsageLine) -> None:
        self.records += 1
        self.price_micro += line.price_micro
        self.estimated_micro += line.price_micro if line.estimated else 0
        self.unpriced += not line.is_priced
        sums = self._by_model[line.kind, line.model, line.unit]
        sums[0] += line.quantity
        sums[1] += line.price_micro

    def presented(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "records": self.records,
            "price_micro": self.price_micro,
            "estimated_micro": self.estimated_micro,
            "unpriced": self.unpriced,
            "by_model": [
                {"kind": kind, "model": model, "unit": unit, "quantity": quantity, "price_micro": price}
                for (kind, model, unit), (quantity, price) in sorted(self._by_model.items())
            ],
        }


@dataclass(frozen=True, slots=True)
class Around:
    """The part of a long list that a page of `size` lines is in: from the moment `at` of the page before, which is
    None for the first, backwards in time or forwards."""

    size: int
    at: datetime | None = None
    forwards: bool = False


def line_list(
    wanted: UsageFilter,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    session_id: str | None = None,
    only_unpriced: bool = False,
    around: Around | None = None,
) -> QuerySet[UsageLine]:
    """The current tenant's lines, newest first; what is None is not asked for.

    With `around` there are only those that the page, and whether there is another, can depend on: few lines of many
    are found by the hours in whose sums they are, which takes one more query.
    """
    lines = UsageLine.objects.filter(**wanted.conditions)
    if since is not None:
        lines = lines.filter(at__gte=since)
    if before is not None:
        lines = lines.filter(at__lt=before)
    if only_unpriced:
        lines = lines.filter(is_priced=False)
    if session_id is not None:
        return lines.filter(session_id=session_id)
    if around is None or (wanted.is_empty and not only_unpriced):
        return lines
    spans = _spans(_hours_around(wanted, since, before, only_unpriced, around))
    if not spans:
        return lines.none()
    within = Q()
    for start, end in spans:
        within |= Q(at__gte=start, at__lt=end)
    return lines.filter(within)


def _hours_around(
    wanted: UsageFilter, since: datetime | None, before: datetime | None, only_unpriced: bool, around: Around
) -> list[datetime]:
    """Hours of UTC with more such lines together than are on a page."""
    sums = UsageHour.objects.filter(**wanted.conditions)
    if only_unpriced:
        sums = sums.filter(unpriced__gt=0)
    if since is not None:
        sums = sums.filter(hour__gt=since - _HOUR)
    if before is not None:
        sums = sums.filter(hour__lt=before)
    if around.at is not None:
        sums = (
            sums.filter(hour__gt=around.at - _HOUR) if around.forwards else sums.filter(hour__lte=around.at)
        )
    counted = (
        sums.order_by("hour" if around.forwards else "-hour")
        .values_list("hour")
        .annotate(lines=Sum("unpriced" if only_unpriced else "records"))
    )
    # Of the hours that a bound or the page before falls into, nobody knows how many lines are within.
    cut = [moment for moment in (since, before, around.at) if moment is not None]
    hours, found = [], 0
    for hour, number in counted[: around.size + 1 + len(cut)]:
        hours.append(hour)
        found += 0 if any(hour <= moment < hour + _HOUR for moment in cut) else number
        if found > around.size:
            break
    return hours


def _spans(hours: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Hours that follow each other are one span."""
    spans: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + _HOUR)
        else:
            spans.append((hour, hour + _HOUR))
    return spans


def has_usage() -> bool:
    """Whether the current tenant ever used anything."""
    return UsageHour.objects.exists()
