"""GCRA by itself: what it may never do, whatever is asked and when; and which limits hold for whom."""

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.limits.events import MOST_AHEAD, ahead
from apps.limits.meters import Rate, process_share, take
from apps.limits.resolving import Limits, PlanLimits, resolved, resolved_with_source

RATES = st.builds(Rate, st.integers(1, 5000), st.sampled_from([1.0, 60.0]))
QUESTIONS = st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 60)), min_size=1, max_size=60)
PLATFORM = Limits(sessions=20, events_per_second=1000, requests_per_minute=600)


def answers(rate: Rate, questions: list[tuple[float, int]], start: float) -> list[tuple[float, int]]:
    """When, and how many were granted."""
    now, full_at, granted = start, start, []
    for later, wanted in questions:
        now += later
        taken, full_at = take(rate, full_at, wanted, now)
        granted.append((now, taken.granted))
    return granted


@settings(max_examples=50, deadline=None)
@given(RATES, QUESTIONS, st.floats(0, 1e9))
def test_no_stretch_of_time_ever_gets_more_than_the_limit_and_what_flows_in(
    rate: Rate, questions: list[tuple[float, int]], start: float
) -> None:
    granted = answers(rate, questions, start)
    for first, (since, _) in enumerate(granted):
        for last in range(first, len(granted)):
            passed = granted[last][0] - since
            total = sum(count for _, count in granted[first : last + 1])
            assert total <= rate.limit * (passed / rate.seconds + 1) + 0.01


@settings(max_examples=50, deadline=None)
@given(RATES, st.integers(1, 200))
def test_who_keeps_to_the_rate_is_never_refused(rate: Rate, count: int) -> None:
    full_at = 0.0
    for number in range(count):
        taken, full_at = take(rate, full_at, 1, number * rate.interval)
        assert taken.granted == 1


@settings(max_examples=50, deadline=None)
@given(RATES, QUESTIONS)
def test_after_the_wait_that_was_told_there_is_one(rate: Rate, questions: list[tuple[float, int]]) -> None:
    now = full_at = 0.0
    for later, wanted in questions:
        now += later
        taken, full_at = take(rate, full_at, wanted, now)
        assert 0 <= taken.remaining <= rate.limit
        assert taken.reset <= rate.seconds + 1e-6
        if not taken.granted:
            assert take(rate, full_at, 1, now + taken.wait)[0].granted == 1


@settings(max_examples=50, deadline=None)
@given(RATES, st.integers(1, 300))
def test_it_makes_no_difference_whether_tokens_are_taken_singly_or_at_once(rate: Rate, count: int) -> None:
    together, _ = take(rate, 0.0, count, 0.0)
    full_at, singly = 0.0, 0
    for _ in range(count):
        taken, full_at = take(rate, full_at, 1, 0.0)
        singly += taken.granted
    assert singly == together.granted


def test_a_purse_holds_what_half_a_second_takes_and_never_much() -> None:
    assert [ahead(50, 0.05, 1000), ahead(5, 0.1, 1000), ahead(1, 1.0, 1000)] == [MOST_AHEAD, 25, 1]
    assert ahead(50, 0.0, 1000) == MOST_AHEAD
    assert [ahead(50, 0.05, 100), ahead(50, 0.05, 5)] == [10, 1], "a tenth of the limit at most"


def test_a_process_by_itself_may_what_its_share_is_and_always_something() -> None:
    assert [process_share(20, 1), process_share(20, 8), process_share(2, 8)] == [20, 2, 1]


def test_the_tenants_own_limit_holds_before_its_plans_and_that_before_the_platforms() -> None:
    own, plan = PlanLimits(sessions=100), PlanLimits(sessions=50, events_per_second=5000, sessions_per_key=5)
    assert resolved(own, plan, PLATFORM) == Limits(
        sessions=100, events_per_second=5000, requests_per_minute=600, sessions_per_key=5
    )
    assert resolved(None, None, PLATFORM) == PLATFORM
    assert resolved_with_source("sessions", own, plan, PLATFORM) == (100, "own")
    assert resolved_with_source("events_per_second", own, plan, PLATFORM) == (5000, "plan")
    assert resolved_with_source("requests_per_minute", own, plan, PLATFORM) == (600, "platform")


def test_a_key_may_have_less_than_others_but_never_more() -> None:
    limits = resolved(PlanLimits(sessions_per_key=5), None, PLATFORM)
    assert limits.of_key(sessions=2, events_per_second=None).sessions_per_key == 2
    assert limits.of_key(sessions=9, events_per_second=7).sessions_per_key == 5
    assert limits.of_key(sessions=9, events_per_second=7).events_per_second_per_key == 7
