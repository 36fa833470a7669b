"""Plans that are paid for by the month."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from pytest_django.fixtures import Settings

from apps.billing.ledger import balance_micro, balances
from apps.billing.models import Account as Book
from apps.billing.models import BillingAccount, Invoice
from apps.billing.stripe import subscriptions
from apps.billing.stripe.models import LineKind, Subscription
from apps.billing.stripe.selectors import subscription_current
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import Account
from tests.cast import Person

DOLLAR = 1_000_000
TRIAL, INCLUDED = 5 * DOLLAR, 20 * DOLLAR


def subscribe(person: Person, account: Account, plan: str = "pro", card: str = "4242424242424242") -> None:
    with tenant_context(person.tenant.id):
        url = subscriptions.subscription_start(plan=plan, success_url="http://x/", cancel_url="http://x/")
    account.pay(url, card)
    account.settle()


def plan_of(person: Person) -> str:
    with tenant_context(person.tenant.id):
        return BillingAccount.objects.get().plan


def test_who_subscribes_has_the_plan_and_what_it_includes(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    assert plan_of(alice) == "pro"
    with tenant_context(alice.tenant.id):
        row = subscription_current()
        assert row is not None
        assert row.status == "active"
        assert row.plan == "pro"
        invoice = Invoice.objects.get()
        assert (invoice.status, invoice.total_micro, invoice.difference) == ("paid", 49 * DOLLAR, "")
        assert [line.kind for line in invoice.lines.all()] == [LineKind.PLAN]
        found = balances()
        assert found[Book.BALANCE] == TRIAL + INCLUDED
        assert (found[Book.PLAN_REVENUE], found[Book.CASH]) == (49 * DOLLAR, -49 * DOLLAR)
        assert found[Book.RECEIVABLE] == 0


def test_an_upgrade_is_paid_for_at_once_and_a_cheaper_plan_comes_with_the_next_month(
    alice: Person, account: Account
) -> None:
    subscribe(alice, account)
    account.advance(days=10)
    with tenant_context(alice.tenant.id):
        subscriptions.subscription_change(plan="enterprise")
    account.settle()
    assert plan_of(alice) == "enterprise"
    with tenant_context(alice.tenant.id):
        upgrade = Invoice.objects.get(reason="subscription_update")
        assert 0 < upgrade.total_micro < 450 * DOLLAR
        assert (upgrade.status, upgrade.plan, upgrade.previous_plan) == ("paid", "enterprise", "pro")
        row = subscriptions.subscription_change(plan="pro")
        assert (row.plan, row.next_plan) == ("enterprise", "pro")
    account.settle()
    assert plan_of(alice) == "enterprise"
    account.advance(days=25)
    account.settle()
    assert plan_of(alice) == "pro"
    with tenant_context(alice.tenant.id):
        renewal = Invoice.objects.get(reason="subscription_cycle")
        assert renewal.total_micro == 49 * DOLLAR


def test_a_change_to_come_is_taken_back(alice: Person, account: Account) -> None:
    subscribe(alice, account, "enterprise")
    with tenant_context(alice.tenant.id):
        subscriptions.subscription_change(plan="pro")
        row = subscriptions.subscription_resume()
        assert (row.plan, row.next_plan) == ("enterprise", "")
    account.advance(days=32)
    account.settle()
    assert plan_of(alice) == "enterprise"


def test_an_upgrade_that_the_card_does_not_pay_changes_nothing(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    fail_cards(alice, account)
    with tenant_context(alice.tenant.id):
        for _ in range(2):
            with pytest.raises(ValidationError, match="Nothing has changed"):
                subscriptions.subscription_change(plan="enterprise")
    account.settle()
    assert plan_of(alice) == "pro"


def test_a_cancelled_plan_stays_until_it_is_over_and_may_be_kept(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    with tenant_context(alice.tenant.id):
        assert subscriptions.subscription_cancel().cancel_at is not None
        assert subscriptions.subscription_resume().cancel_at is None
        subscriptions.subscription_cancel()
    account.settle()
    assert plan_of(alice) == "pro"
    account.advance(days=32)
    account.settle()
    assert plan_of(alice) in ("", "free")
    with tenant_context(alice.tenant.id):
        assert subscription_current() is None
        assert balance_micro() == TRIAL, "what was included is gone"


def test_what_is_included_comes_and_goes_with_the_month(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    account.advance(days=32)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert Invoice.objects.count() == 2
        assert balance_micro() == TRIAL + INCLUDED


def fail_cards(person: Person, account: Account, card: str = "pm_card_chargeCustomerFail") -> None:
    """From now on the tenant's card is another."""
    with tenant_context(person.tenant.id):
        customer = BillingAccount.objects.get().stripe_customer_id
        row = Subscription.objects.exclude(stripe_subscription_id="").get()
    method = account.client.v1.payment_methods.attach(card, {"customer": customer})
    account.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
    account.client.v1.subscriptions.update(row.stripe_subscription_id, {"default_payment_method": method.id})


def test_who_does_not_pay_has_days_of_grace_then_the_first_plan_and_the_plan_again_when_it_is_paid(
    alice: Person, account: Account, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.BILLING_GRACE_DAYS = 3
    subscribe(alice, account)
    fail_cards(alice, account)
    account.advance(days=31, hours=2)
    account.settle()
    assert plan_of(alice) == "pro"
    with tenant_context(alice.tenant.id):
        row = subscription_current()
        assert row is not None
        assert row.status == "past_due"
        account.advance(days=3, hours=1)
        subscriptions.grace_check(row)
    assert plan_of(alice) == "free"
    fail_cards(alice, account, "pm_card_visa")
    with tenant_context(alice.tenant.id):
        invoice = Invoice.objects.get(status="open")
    account.client.v1.invoices.pay(invoice.stripe_invoice_id)
    account.settle()
    assert plan_of(alice) == "pro"
    with tenant_context(alice.tenant.id):
        row = subscription_current()
        assert row is not None
        assert not row.fallen


@pytest.mark.parametrize(
    ("plan", "sentence"), [("gold", "There is no plan 'gold'"), ("free", "costs nothing")]
)
def test_plans_that_cannot_be_paid_for_are_refused(
    alice: Person, account: Account, plan: str, sentence: str
) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match=sentence):
        subscriptions.subscription_start(plan=plan, success_url="http://x/", cancel_url="http://x/")


def test_nobody_subscribes_twice(alice: Person, account: Account) -> None:
    with tenant_context(alice.tenant.id):
        subscriptions.subscription_start(plan="pro", success_url="http://x/", cancel_url="http://x/")
        url = subscriptions.subscription_start(
            plan="enterprise", success_url="http://x/", cancel_url="http://x/"
        )
        assert Subscription.objects.filter(status="expired").count() == 1, "of two pages one can be paid"
    account.pay(url)
    account.settle()
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="change its plan"):
        subscriptions.subscription_start(plan="pro", success_url="http://x/", cancel_url="http://x/")


def test_a_subscription_of_another_customer_is_not_ours(
    alice: Person, mallory: Person, account: Account
) -> None:
    subscribe(alice, account)
    with tenant_context(mallory.tenant.id):
        assert not Subscription.objects.exists()
        assert not Invoice.objects.exists()
    assert plan_of(mallory) in ("", "free")


@pytest.mark.parametrize(
    ("status", "late_days", "has_it"),
    [
        ("active", None, True),
        ("trialing", None, True),
        ("past_due", 6, True),
        ("past_due", 7, False),
        ("unpaid", 1, False),
        ("canceled", None, False),
        ("incomplete", None, False),
        ("paused", None, False),
    ],
)
def test_what_a_subscription_allows(status: str, late_days: int | None, has_it: bool) -> None:
    from tests.billing.stripe_account import BEGIN

    since = None if late_days is None else BEGIN - timedelta(days=late_days)
    allowed = subscriptions.plan_allowed(
        plan="pro", status=status, past_due_since=since, now=BEGIN, grace=timedelta(days=7)
    )
    assert allowed == ("pro" if has_it else "")
