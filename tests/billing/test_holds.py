"""Holds in the database: opened, extended, posted and settled in any order, with processes that die."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Prompt
from apps.billing.holds import Answer, Ask, HoldStore
from apps.billing.ledger import balance_micro, correction_post, held_micro
from apps.billing.models import Action, BillingAccount, Budget, Period, SpendHold
from apps.billing.services import plan_set
from apps.billing.spending import LEAST_STEP_MICRO, Decision, Spender, Spending
from apps.core.tenancy import tenant_context
from apps.keys.services import api_key_create
from apps.usage.models import UsageDay
from tests.billing.books import Line, record
from tests.cast import Person

STEP = LEAST_STEP_MICRO


@dataclass
class Desk:
    """A keeper's work by hand, for Alice's sessions."""

    tenant_id: uuid.UUID
    store: HoldStore = field(init=False)

    def __post_init__(self) -> None:
        SpendHold.objects.exists()  # tells the connection whose it is
        self.store = HoldStore(uuid.uuid4(), connection.connection)

    def ask(self, spending: Spending, **how: bool) -> Answer | None:
        result = self.store.round([Ask(spending, **how)])
        answer = result.answers.get(spending.spender.session_id)
        if answer:
            spending.granted_micro += answer.decision.grant_micro
        return answer

    def open(self, **who: Any) -> tuple[Spending, Answer]:
        spending = Spending(Spender(self.tenant_id, f"sess_{uuid.uuid4()}", **who))
        answer = self.ask(spending, is_new=True)
        assert answer is not None
        return spending, answer

    def post(self, spending: Spending, amount: int) -> None:
        with connection.connection.cursor() as cursor:
            record(cursor, Line(self.tenant_id, amount, session_id=spending.spender.session_id))

    def has(self, amount: int) -> None:
        """Makes the balance this."""
        if change := amount - balance_micro():
            correction_post(amount_micro=change, reason="A test.")


@pytest.fixture
def desk(alice: Person, settings: Any) -> Iterator[Desk]:
    settings.BILLING = True
    with tenant_context(alice.tenant.id):
        yield Desk(alice.tenant.id)


def test_a_session_holds_its_first_step(desk: Desk) -> None:
    spending, answer = desk.open()
    assert answer.decision == Decision(STEP)
    hold = SpendHold.objects.get()
    assert (hold.session_id, hold.amount_micro) == (spending.spender.session_id, STEP)
    assert timedelta(seconds=15) < hold.expires_at - timezone.now() < timedelta(seconds=30)


def test_what_others_hold_can_not_be_held_again(desk: Desk) -> None:
    desk.has(2 * STEP + 9)
    for _ in range(2):
        assert desk.open()[1].decision.refusal is None
    _, answer = desk.open()
    assert answer.decision.refusal is not None
    assert answer.decision.refusal.why == "balance"
    assert SpendHold.objects.count() == 2


def test_a_hold_covers_what_was_used_and_a_step(desk: Desk) -> None:
    spending, _ = desk.open()
    spending.used_micro = 7_000
    desk.ask(spending)
    assert held_micro() == 7_000 + 2 * 7_000


def test_posting_takes_from_the_balance_and_the_hold_at_once(desk: Desk) -> None:
    spending, _ = desk.open()
    spending.used_micro = 7_000
    desk.ask(spending)
    free = balance_micro() - held_micro()
    desk.post(spending, 7_000)
    assert balance_micro() - held_micro() == free
    assert held_micro() == 14_000


def test_at_its_end_a_session_holds_what_is_not_posted_and_then_nothing(desk: Desk) -> None:
    spending, _ = desk.open()
    spending.used_micro = 7_000
    desk.ask(spending)
    desk.ask(spending, is_over=True, only_cover=True)
    assert held_micro() == 7_000
    desk.post(spending, 7_000)
    desk.ask(spending, is_over=True, only_cover=True)
    assert not SpendHold.objects.exists()


def test_the_end_of_a_session_that_used_nothing_leaves_nothing(desk: Desk) -> None:
    spending, _ = desk.open()
    desk.ask(spending, is_over=True, only_cover=True)
    assert not SpendHold.objects.exists()


def test_what_a_killed_process_held_is_free_soon_and_then_gone(desk: Desk) -> None:
    desk.has(STEP)
    desk.open()
    assert desk.open()[1].decision.refusal
    SpendHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    killed = SpendHold.objects.get()
    assert desk.open()[1].decision.refusal is None
    assert killed not in SpendHold.objects.all()


def test_a_hold_that_was_lost_while_its_process_slept_is_made_anew(desk: Desk) -> None:
    spending, _ = desk.open()
    spending.used_micro = 9_000
    desk.post(spending, 6_000)
    SpendHold.objects.all().delete()
    desk.ask(spending)
    assert held_micro() == 3_000 + 18_000
    assert spending.granted_micro == 9_000 + 18_000


def test_one_who_pays_later_has_its_cap(desk: Desk) -> None:
    plan_set(plan="enterprise")
    desk.has(-30_000)  # used, and not yet invoiced
    BillingAccount.objects.update(cap_micro=30_000 + STEP)
    assert desk.open()[1].decision.refusal is None
    _, answer = desk.open()
    assert answer.decision.refusal is not None
    assert answer.decision.refusal.why == "cap"


def test_where_nobody_bills_nobody_is_refused(desk: Desk, settings: Any) -> None:
    settings.BILLING = False
    desk.has(-1_000_000)
    _, answer = desk.open()
    assert answer.decision == Decision(STEP)
    assert answer.unlimited


def test_a_budget_of_a_key_ends_its_sessions_alone(desk: Desk, settings: Any) -> None:
    settings.BILLING = False
    key, other = api_key_create(name="Shop").key, api_key_create(name="Other").key
    budget = Budget.objects.create(api_key=key, amount_micro=50_000 + STEP)
    make_day(api_key_id=key.id, price_micro=50_000)
    spending, answer = desk.open(api_key_id=key.id)
    assert answer.decision.refusal is None
    assert not answer.unlimited
    _, refused = desk.open(api_key_id=key.id)
    assert refused.decision.refusal is not None
    assert refused.decision.refusal.budget_id == budget.id
    assert refused.budget == "$0.06 a month of 'Shop'"
    assert desk.open(api_key_id=other.id)[1].decision.refusal is None
    spending.used_micro = STEP - 1
    running = desk.ask(spending)
    assert running is not None
    assert running.decision.refusal is not None


def test_a_budget_of_an_agent_counts_all_its_versions(desk: Desk) -> None:
    agent = agent_create(slug="desk", name="Desk")
    agent_save_draft(agent=agent, spec=AgentSpec(prompt=Prompt(instructions="Be kind.")), revision=0)
    first = agent_publish(agent=agent)
    Budget.objects.create(agent=agent, amount_micro=50_000, period=Period.TOTAL)
    assert desk.open(agent_version_id=first.id)[1].decision.refusal is None
    make_day(agent_version_id=first.id, price_micro=45_000)
    assert desk.open(agent_version_id=first.id)[1].decision.refusal is not None
    assert desk.open()[1].decision.refusal is None


@pytest.mark.parametrize(
    ("period", "days_ago", "is_counted"),
    [(Period.DAY, 0, True), (Period.DAY, 1, False), (Period.MONTH, 32, False), (Period.TOTAL, 400, True)],
)
def test_a_budget_counts_its_period_alone(
    desk: Desk, period: Period, days_ago: int, is_counted: bool
) -> None:
    Budget.objects.create(amount_micro=50_000, period=period)
    make_day(price_micro=50_000, day=timezone.now().date() - timedelta(days=days_ago))
    assert (desk.open()[1].decision.refusal is not None) == is_counted


def test_a_budget_that_only_warns_ends_nothing(desk: Desk) -> None:
    Budget.objects.create(amount_micro=50_000, action=Action.WARN)
    make_day(price_micro=60_000)
    assert desk.open()[1].decision.refusal is None


def test_another_tenants_money_is_its_own(desk: Desk, mallory: Person) -> None:
    desk.has(0)
    assert desk.open()[1].decision.refusal is not None
    with tenant_context(mallory.tenant.id):
        theirs = Desk(mallory.tenant.id)
        assert theirs.open()[1].decision.refusal is None


def make_day(**fields: Any) -> None:
    used = {"kind": "response", "provider": "local", "model": "local/test", "unit": "output_token"}
    UsageDay.objects.create(**({"day": timezone.now().date()} | used | fields))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "use", "use", "look", "post", "end", "crash", "forget"]),
        st.integers(0, 3),
        st.integers(0, 30_000),
    ),
    min_size=5,
    max_size=40,
)


@given(steps=STEPS)
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_spending_is_bounded_and_holds_are_what_is_not_posted(
    desk: Desk, steps: list[tuple[str, int, int]]
) -> None:
    sid = transaction.savepoint()
    try:
        _walk(desk, steps)
    finally:
        transaction.savepoint_rollback(sid)


def _walk(desk: Desk, steps: list[tuple[str, int, int]]) -> None:
    money = 60_000
    desk.has(money)
    running: list[Spending] = []
    posted: dict[str, int] = {}
    ended: set[str] = set()
    beyond = used = 0
    for what, index, amount in steps:
        spending = running[index % len(running)] if running else None
        if what == "open":
            spending, answer = desk.open()
            if answer.decision.refusal is None:
                running.append(spending)
                posted[spending.spender.session_id] = 0
        elif spending is None:
            continue
        session = spending.spender.session_id
        if what == "use" and session not in ended:
            beyond -= max(0, spending.over_micro)
            spending.used_micro += amount
            beyond += max(0, spending.over_micro)
            used += amount
        elif what == "look":
            answer = desk.ask(spending, only_cover=session in ended)
            if answer is not None and answer.decision.refusal:
                ended.add(session)
        elif what == "post":
            amount = min(amount, spending.used_micro - posted[session])
            posted[session] += amount
            desk.post(spending, amount)
        elif what == "end":
            desk.ask(spending, only_cover=True, is_over=True)
            desk.post(spending, spending.used_micro - posted[session])
            desk.ask(spending, only_cover=True, is_over=True)
            running.remove(spending)
        elif what == "crash":
            desk.post(spending, spending.used_micro - posted[session])
            SpendHold.objects.filter(session_id=session).update(expires_at=timezone.now() - timedelta(1))
            running.remove(spending)
        elif what == "forget":
            SpendHold.objects.filter(session_id=session).delete()
            desk.ask(spending, only_cover=session in ended)
        for each in running:
            hold = SpendHold.objects.filter(session_id=each.spender.session_id).first()
            held = hold.amount_micro if hold else 0
            left = each.granted_micro - posted[each.spender.session_id]
            assert held == max(0, left)
    # Each may end beyond its grant by what it used in one go: nothing else makes the tenant overspend.
    assert money - used >= -beyond
    for spending in running:
        desk.post(spending, spending.used_micro - posted[spending.spender.session_id])
        desk.ask(spending, only_cover=True, is_over=True)
    assert held_micro() == 0
    assert balance_micro() == money - used
