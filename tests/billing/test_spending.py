"""Decisions about money, without any."""

import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.billing.spending import (
    LEAST_STEP_MICRO,
    BudgetLeft,
    Decision,
    Purse,
    Refusal,
    Spender,
    Spending,
    Wish,
    decide,
)

TENANT, KEY, AGENT = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
STEP = LEAST_STEP_MICRO


def wish(over: int = 0, step: int = STEP, *, only_cover: bool = False) -> Wish:
    return Wish(Spender(TENANT, "sess", KEY), AGENT, over, step, only_cover)


def test_a_step_is_granted_ahead_of_what_is_used() -> None:
    assert decide([wish(over=300)], Purse(1_000_000)) == [Decision(STEP + 300)]


def test_what_was_granted_too_much_comes_back() -> None:
    purse = Purse(0)
    assert decide([wish(over=-50_000)], purse) == [Decision(-40_000)]
    assert purse.left_micro == 40_000


def test_sessions_take_in_turn_until_nothing_is_left() -> None:
    purse = Purse(2 * STEP + 5)
    out = Refusal("balance")
    assert decide([wish(), wish(), wish()], purse) == [Decision(STEP), Decision(STEP), Decision(0, out)]
    assert purse.left_micro == 5


def test_a_dear_session_gets_what_is_left() -> None:
    assert decide([wish(step=8 * STEP)], Purse(3 * STEP)) == [Decision(3 * STEP)]


def test_who_has_a_least_step_yet_goes_on_though_nothing_is_left() -> None:
    assert decide([wish(over=-STEP, step=5 * STEP)], Purse(-70)) == [Decision(0)]


def test_who_is_refused_gives_back_what_it_has_not_used() -> None:
    assert decide([wish(over=-400)], Purse(0)) == [Decision(-400, Refusal("balance"))]


def test_what_was_used_is_covered_though_nothing_is_left() -> None:
    purse = Purse(0, pays_later=True)
    assert decide([wish(over=700)], purse) == [Decision(700, Refusal("cap"))]
    assert decide([wish(over=90, only_cover=True)], purse) == [Decision(90)]
    assert purse.left_micro == -790


def test_where_nobody_bills_nobody_is_refused() -> None:
    assert decide([wish(over=9_000_000)], Purse(None)) == [Decision(9_000_000 + STEP)]


def test_a_budget_binds_those_whom_it_is_for() -> None:
    other = uuid.uuid4()
    for key, agent, binds in (
        (KEY, None, True),
        (None, AGENT, True),
        (None, None, True),
        (other, None, False),
    ):
        budget = BudgetLeft(uuid.uuid4(), key, agent, STEP)
        refused = Decision(0, Refusal("budget", budget.id))
        second = refused if binds else Decision(STEP)
        assert decide([wish(), wish()], Purse(None, budgets=[budget])) == [Decision(STEP), second]


def test_the_tightest_of_all_limits_is_told() -> None:
    wide, tight = (BudgetLeft(uuid.uuid4(), None, None, left) for left in (5, 3))
    (decision,) = decide([wish()], Purse(4, budgets=[wide, tight]))
    assert decision.refusal == Refusal("budget", tight.id)


def test_a_step_is_twice_what_the_dearest_of_the_last_ones_used() -> None:
    spending = Spending(Spender(TENANT, "sess"))
    assert spending.step_micro == LEAST_STEP_MICRO
    for number, used in enumerate((3_000, 40_000, 0, 0)):
        spending.used_micro += used
        spending.tick(number * 5.0 + 5)
    assert spending.step_micro == 80_000
    for number in range(4, 10):
        spending.tick(number * 5.0 + 5)
    assert spending.step_micro == LEAST_STEP_MICRO


def test_looks_between_two_steps_do_not_make_a_step_seem_cheap() -> None:
    spending = Spending(Spender(TENANT, "sess"))
    spending.tick(100)
    for look in range(1, 8):
        spending.used_micro += 6_000
        spending.tick(100 + look * 0.5)
    assert spending.step_micro == 84_000


@given(
    left=st.integers(-50_000, 300_000),
    overs=st.lists(
        st.tuples(st.integers(-60_000, 60_000), st.integers(STEP, 90_000), st.booleans()), max_size=8
    ),
)
@settings(max_examples=50)
def test_no_more_is_granted_than_there_is_but_for_what_was_used(
    left: int, overs: list[tuple[int, int, bool]]
) -> None:
    purse = Purse(left)
    wishes = [wish(over, step, only_cover=only) for over, step, only in overs]
    for asked, decision in zip(wishes, decide(wishes, purse), strict=True):
        has = decision.grant_micro - asked.over_micro  # what it may use yet
        assert has >= 0 or asked.over_micro < 0
        if decision.refusal or asked.only_cover:
            assert has == 0
        else:
            assert LEAST_STEP_MICRO <= has <= max(asked.step_micro, -asked.over_micro)
    used = sum(max(asked.over_micro, 0) for asked in wishes)
    assert purse.left_micro is not None
    assert purse.left_micro >= min(left, 0) - used
