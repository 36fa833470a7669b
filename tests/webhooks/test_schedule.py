"""When a failed delivery is tried again: the stated waits, over three days."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.webhooks.schedule import LONGEST_WAIT, WAITS, asked_wait, wait_after

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_it_takes_three_days() -> None:
    assert [wait.total_seconds() for wait in WAITS] == [
        5,
        30,
        120,
        600,
        1800,
        3600,
        10800,
        21600,
        43200,
        86400,
        86400,
    ]
    assert timedelta(days=2.9) < sum(WAITS, timedelta()) < timedelta(days=3)


@pytest.mark.parametrize("failures", range(1, len(WAITS) + 1))
def test_chance_changes_a_wait_by_a_tenth(failures: int) -> None:
    usual = WAITS[failures - 1]
    assert wait_after(failures, chance=0.0) == usual * 0.9
    assert wait_after(failures, chance=0.5) == usual
    assert wait_after(failures, chance=1.0) == usual * 1.1


def test_after_the_last_wait_it_is_given_up() -> None:
    assert wait_after(len(WAITS) + 1, chance=0.5) is None
    assert wait_after(len(WAITS) + 1, chance=0.5, asked=MINUTE) is None


def test_a_receiver_can_ask_for_more_time_and_not_for_less() -> None:
    assert wait_after(1, chance=0.5, asked=MINUTE) == MINUTE
    assert wait_after(4, chance=0.5, asked=MINUTE) == timedelta(minutes=10)
    assert wait_after(1, chance=0.5, asked=timedelta(days=90)) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 09:02:00 GMT", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 08:00:00 GMT", None),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("9" * 400, LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, wait: timedelta | None) -> None:
    assert asked_wait({"Retry-After": value}, NOW) == wait
