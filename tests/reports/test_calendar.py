"""When schedules are due, and what of."""

from datetime import UTC, date, datetime

import pytest

from apps.reports.calendar import last_due, next_due, period_of
from apps.reports.models import Every, Rule
from apps.usage.periods import Period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_it_is_due_each_day_at_its_hour() -> None:
    first = next_due(Every.DAY, day=1, hour=6, zone="UTC", after=at("2026-06-10 05:59"))
    assert first == at("2026-06-10 06:00")
    assert next_due(Every.DAY, day=1, hour=6, zone="UTC", after=first) == at("2026-06-11 06:00")


def test_it_is_due_each_week_and_each_month_on_its_day() -> None:
    after = at("2026-06-10 12:00")  # a Wednesday
    assert next_due(Every.WEEK, day=1, hour=6, zone="UTC", after=after) == at("2026-06-15 06:00")
    assert next_due(Every.WEEK, day=7, hour=6, zone="UTC", after=after) == at("2026-06-14 06:00")
    assert next_due(Every.MONTH, day=28, hour=0, zone="UTC", after=after) == at("2026-06-28 00:00")
    assert next_due(Every.MONTH, day=1, hour=0, zone="UTC", after=after) == at("2026-07-01 00:00")


def test_the_hour_is_that_of_its_zone_in_summer_and_in_winter() -> None:
    winter = next_due(Every.DAY, day=1, hour=8, zone="Europe/Berlin", after=at("2026-01-10 12:00"))
    summer = next_due(Every.DAY, day=1, hour=8, zone="Europe/Berlin", after=at("2026-07-10 12:00"))
    assert (winter, summer) == (at("2026-01-11 07:00"), at("2026-07-11 06:00"))
    kolkata = next_due(Every.DAY, day=1, hour=8, zone="Asia/Kolkata", after=at("2026-01-10 12:00"))
    assert kolkata == at("2026-01-11 02:30")


def test_an_hour_that_clocks_skip_is_due_once_and_so_is_one_that_they_repeat() -> None:
    # In Berlin 2 o'clock was skipped on 2026-03-29, and is there twice on 2026-10-25.
    spring = [at("2026-03-28 00:00")]
    autumn = [at("2026-10-24 00:00")]
    for moments in (spring, autumn):
        for _ in range(3):
            moments.append(next_due(Every.DAY, day=1, hour=2, zone="Europe/Berlin", after=moments[-1]))
    assert spring[1:] == [at("2026-03-28 01:00"), at("2026-03-29 01:00"), at("2026-03-30 00:00")]
    assert autumn[1:] == [at("2026-10-25 00:00"), at("2026-10-26 01:00"), at("2026-10-27 01:00")]


def test_after_a_standstill_only_the_last_time_counts() -> None:
    due, following = last_due(
        Every.DAY, day=1, hour=6, zone="UTC", first=at("2026-06-01 06:00"), now=at("2026-06-05 07:00")
    )
    assert (due, following) == (at("2026-06-05 06:00"), at("2026-06-06 06:00"))


@pytest.mark.parametrize(
    ("rule", "due", "first", "last"),
    [
        (Rule.DAY, "2026-06-10 06:00", date(2026, 6, 9), date(2026, 6, 9)),
        (Rule.WEEK, "2026-06-10 06:00", date(2026, 6, 1), date(2026, 6, 7)),
        (Rule.WEEK, "2026-06-15 00:00", date(2026, 6, 8), date(2026, 6, 14)),
        (Rule.MONTH, "2026-03-01 06:00", date(2026, 2, 1), date(2026, 2, 28)),
        (Rule.MONTH, "2026-01-31 06:00", date(2025, 12, 1), date(2025, 12, 31)),
        (Rule.DAYS_7, "2026-06-10 06:00", date(2026, 6, 3), date(2026, 6, 9)),
        (Rule.DAYS_30, "2026-06-10 06:00", date(2026, 5, 11), date(2026, 6, 9)),
    ],
)
def test_the_days_are_over_when_it_is_due(rule: Rule, due: str, first: date, last: date) -> None:
    assert period_of(rule, due=at(due)) == Period(first, last)


def test_early_in_tokyo_the_day_before_is_not_over_in_utc() -> None:
    due = next_due(Every.DAY, day=1, hour=6, zone="Asia/Tokyo", after=at("2026-06-10 00:00"))
    assert due == at("2026-06-10 21:00")
    assert period_of(Rule.DAY, due=due).last == date(2026, 6, 9)
