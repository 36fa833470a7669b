"""The lines of what a tenant used, in pages: also few of very many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet, Sum

from apps.usage.filtering import UsageFilter
from apps.usage.models import UsageHour, UsageLine

_HOUR = timedelta(hours=1)


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
        sums = sums.filter(hour__gte=_hour_of(since))
    if before is not None:
        sums = sums.filter(hour__lt=before)
    if around.at is not None:
        bound = {"hour__gte": _hour_of(around.at)} if around.forwards else {"hour__lte": around.at}
        sums = sums.filter(**bound)
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


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


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
