"""When a schedule is due, and which days its report is of then. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.reports.models import Every, Rule
from apps.usage.periods import Period

_DAY = timedelta(days=1)


def next_due(every: Every, *, day: int, hour: int, zone: str, after: datetime) -> datetime:
    """The first moment after `after` when it is `hour` o'clock in `zone`, on each day, on the `day`-th of the week
    (Monday is 1) or on that of the month.

    Each such day has one: an hour that clocks skip is the hour after it, and of one that they repeat it is the
    first.
    """
    where = ZoneInfo(zone)
    on = after.astimezone(where).date()
    while True:
        if _is_on(every, day, on):
            due = datetime.combine(on, time(hour), where).astimezone(UTC)
            if due > after:
                return due
        on += _DAY


def last_due(
    every: Every, *, day: int, hour: int, zone: str, first: datetime, now: datetime
) -> tuple[datetime, datetime]:
    """Of the moments since `first` the last that has come, and the one after it."""
    due = first
    following = next_due(every, day=day, hour=hour, zone=zone, after=due)
    while following <= now:
        due, following = following, next_due(every, day=day, hour=hour, zone=zone, after=following)
    return due, following


def period_of(rule: Rule, *, due: datetime) -> Period:
    """Days of UTC, of which the last is over when it is due."""
    today = due.astimezone(UTC).date()
    if rule == Rule.DAY:
        return Period(today - _DAY, today - _DAY)
    if rule == Rule.WEEK:
        monday = today - today.weekday() * _DAY
        return Period(monday - 7 * _DAY, monday - _DAY)
    if rule == Rule.MONTH:
        last = today.replace(day=1) - _DAY
        return Period(last.replace(day=1), last)
    return Period(today - int(rule.value) * _DAY, today - _DAY)


def _is_on(every: Every, day: int, on: date) -> bool:
    if every == Every.WEEK:
        return on.isoweekday() == day
    return every == Every.DAY or on.day == day
