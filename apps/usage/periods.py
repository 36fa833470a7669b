"""The time that usage is asked for: whole days of UTC, as the sums are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

LONGEST_DAYS = 366
_HOURLY_DAYS = 2  # a course of so few days has a point for each hour
_DAY = timedelta(days=1)

PERIODS: Mapping[str, str] = {
    "today": "Today",
    "7": "7 days",
    "30": "30 days",
    "month": "This month",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Both days are in it."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def before(self) -> datetime:
        return datetime.combine(self.last, time.min, UTC) + _DAY

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before_it(self) -> "Period":
        """As many days."""
        return Period(self.first - self.days * _DAY, self.first - _DAY)

    @property
    def is_hourly(self) -> bool:
        return self.days <= _HOURLY_DAYS

    def moments(self, *, until: datetime) -> list[datetime]:
        """The beginning of each of its days, or hours; those after `until` have not come yet."""
        step = timedelta(hours=1) if self.is_hourly else _DAY
        end = min(self.before, until)
        return [self.since + n * step for n in range(max(1, -((self.since - end) // step)))]


def period_named(name: str, *, today: date) -> Period | None:
    """One of PERIODS; None for another name."""
    if name == "today":
        return Period(today, today)
    if name == "month":
        return Period(today.replace(day=1), today)
    if name in PERIODS:
        return Period(today - (int(name) - 1) * _DAY, today)
    return None


def period_between(first: date | None, last: date | None, *, today: date) -> Period:
    """Where a day is missing the period ends today, and is 30 days long. Raises ValueError, with what to do."""
    last = min(last or today, today)
    if first is None:
        first = date.fromordinal(max(last.toordinal() - 29, 1))
    if first > last:
        raise ValueError("Choose a first day that is not after the last, nor after today.")
    if (last - first).days >= LONGEST_DAYS:
        raise ValueError(f"Choose at most {LONGEST_DAYS} days.")
    return Period(first, last)


def today_utc() -> date:
    return datetime.now(UTC).date()
