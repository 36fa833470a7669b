"""Usage on its way to Stripe's meter: whole cents, each once, and nothing lost."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.billing.ledger import correction_post
from apps.billing.models import BillingAccount, Invoice, MeterPush
from apps.billing.stripe import meter
from apps.billing.stripe.catalog import catalog
from apps.billing.stripe.models import PushStatus, Subscription
from apps.billing.stripe.selectors import subscription_current
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import BEGIN, Account
from tests.billing.test_subscriptions import subscribe
from tests.cast import Person


@given(st.lists(st.integers(-50_000, 200_000), max_size=30))
def test_what_is_pushed_is_what_is_owed_but_for_part_of_a_cent(amounts: list[int]) -> None:
    """Amounts that are used, and below 0 credited, in any order."""
    owed = pushed = most = 0
    for amount in amounts:
        owed += amount
        most = max(most, owed)
        cents = meter.push_due(owed_micro=owed, pushed_cents=pushed)
        assert cents >= 0
        pushed += cents
        assert pushed == max(0, most) // 10_000


@pytest.fixture
def postpaid(account: Account, alice: Person) -> Person:
    """Alice pays by invoice, and has no credit left."""
    subscribe(alice, account, "enterprise")
    spend(alice, 5_000_000)
    return alice


def spend(person: Person, micro: int) -> None:
    with tenant_context(person.tenant.id):
        correction_post(amount_micro=-micro, reason="as if it were used")


def push(person: Person, account: Account) -> list[MeterPush]:
    with tenant_context(person.tenant.id):
        made = meter.pushes_make(subscription_current(), now=account.at)
        for each in made:
            meter.push_send(each)
        return made


def counted(person: Person, account: Account) -> int:
    with tenant_context(person.tenant.id):
        customer = BillingAccount.objects.get().stripe_customer_id
    begin = int((BEGIN - timedelta(hours=1)).replace(minute=0).timestamp())
    summaries = account.client.v1.billing.meters.event_summaries.list(
        catalog().meter, {"customer": customer, "start_time": begin, "end_time": begin + 30 * 86_400}
    )
    return sum(int(each.aggregated_value) for each in summaries.data)


def test_an_hour_that_is_over_is_pushed_once(postpaid: Person, account: Account) -> None:
    spend(postpaid, 1_234_567)
    assert push(postpaid, account) == [], "the hour isn't over"
    account.advance(hours=1)
    assert [each.cents for each in push(postpaid, account)] == [123]
    assert push(postpaid, account) == []
    assert counted(postpaid, account) == 123


def test_part_of_a_cent_goes_with_a_later_hour(postpaid: Person, account: Account) -> None:
    for micro, cents in ((9_999, []), (1, [1]), (15_000, [1]), (5_000, [1])):
        spend(postpaid, micro)
        account.advance(hours=1)
        assert [each.cents for each in push(postpaid, account)] == cents
    assert counted(postpaid, account) == 3


def test_a_push_whose_answer_was_lost_counts_once(postpaid: Person, account: Account) -> None:
    spend(postpaid, 500_000)
    account.advance(hours=1)
    account.fake.fail("/v1/billing/meter_events", "timeout", times=3, after=True)
    (made,) = push(postpaid, account)
    with tenant_context(postpaid.tenant.id):
        made.refresh_from_db()
        assert made.status == PushStatus.PENDING
        assert made.next_at > account.at
        account.advance(minutes=5)
        meter.push_send(made)
        made.refresh_from_db()
        assert made.status == PushStatus.SENT
    assert counted(postpaid, account) == 50


def test_a_push_waits_until_stripe_is_there_again(postpaid: Person, account: Account) -> None:
    spend(postpaid, 500_000)
    account.advance(hours=1)
    account.fake.fail("/v1/billing/meter_events", "server_error", times=12)
    (made,) = push(postpaid, account)
    with tenant_context(postpaid.tenant.id):
        for _ in range(4):
            meter.push_send(made)
            made.refresh_from_db()
        assert made.status == PushStatus.SENT
        assert made.attempts == 5
    assert counted(postpaid, account) == 50


def test_who_pays_in_advance_pushes_nothing(account: Account, alice: Person) -> None:
    subscribe(alice, account, "pro")
    spend(alice, 100_000_000)
    account.advance(hours=1)
    assert push(alice, account) == []


def test_stripes_sum_is_compared(postpaid: Person, account: Account) -> None:
    spend(postpaid, 500_000)
    account.advance(hours=1)
    push(postpaid, account)
    with tenant_context(postpaid.tenant.id):
        row = Subscription.objects.get()
        assert meter.reconcile(row=row) == ""
        MeterPush.objects.update(cents=51)
        assert "counted 50 cents" in meter.reconcile(row=row)


def test_usage_that_missed_its_invoice_is_on_the_next(postpaid: Person, account: Account) -> None:
    """Stripe took it and lost it: the invoice says so, and the next one has it."""
    spend(postpaid, 2_000_000)
    account.advance(hours=1)
    (made,) = push(postpaid, account)
    with account.fake.account() as state:
        assert str(made.id) in str(state.document["meter_events"])
        state.document["meter_events"].clear()
    account.advance(days=31, hours=2)
    account.settle()
    with tenant_context(postpaid.tenant.id):
        invoice = Invoice.objects.get(reason="subscription_cycle")
        assert invoice.usage_micro == 0
        assert invoice.lost_cents == 200
        assert "200 cents of usage were sent" in invoice.difference
    assert [each.cents for each in push(postpaid, account)] == [200]
