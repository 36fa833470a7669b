"""Money that is paid in: by a page, and by itself."""

import pytest
from django.core.exceptions import ValidationError
from pytest_django.fixtures import Settings

from apps.billing.ledger import balance_micro, balances, correction_post
from apps.billing.models import Account as Book
from apps.billing.services import account_update
from apps.billing.stripe.models import StripeEvent, TopUp, TopUpStatus
from apps.billing.stripe.top_ups import recharge, top_up_start
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import Account
from tests.cast import Person

DOLLAR = 1_000_000
TRIAL = 5 * DOLLAR


def start(dollars: int = 20) -> str:
    return top_up_start(amount_micro=dollars * DOLLAR, success_url="http://x/ok", cancel_url="http://x/no")


def test_what_is_paid_in_is_in_the_balance_once(alice: Person, account: Account) -> None:
    with tenant_context(alice.tenant.id):
        url = start()
        assert balance_micro() == TRIAL
    account.pay(url)
    bodies = list(account.bodies)
    account.settle()
    account.bodies = bodies  # all of it again
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balance_micro() == TRIAL + 20 * DOLLAR
        assert TopUp.objects.get().status == TopUpStatus.PAID


def test_tax_is_kept_apart(alice: Person, account: Account, settings: Settings) -> None:
    settings.STRIPE_TAX = True
    with tenant_context(alice.tenant.id):
        url = start()
    account.pay(url, country="DE")
    account.settle()
    with tenant_context(alice.tenant.id):
        found = balances()
        assert found[Book.BALANCE] == TRIAL + 20 * DOLLAR
        assert found[Book.TAX] == 3_800_000
        assert found[Book.CASH] == -23_800_000


def test_a_page_that_nobody_paid_is_over(alice: Person, account: Account) -> None:
    with tenant_context(alice.tenant.id):
        start()
    account.advance(days=2)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert TopUp.objects.get().status == TopUpStatus.EXPIRED
        assert balance_micro() == TRIAL


@pytest.mark.parametrize("micro", [0, -5, 4_990_000, 10_000_010_000, 20_000_001])
def test_amounts_that_cannot_be_paid_in_are_refused(alice: Person, account: Account, micro: int) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="from 5 to 10,000 dollars"):
        top_up_start(amount_micro=micro, success_url="http://x", cancel_url="http://x")


def low(person: Person, account: Account, card: str = "4242424242424242", **changes: object) -> None:
    """The person has paid in with a card, and has a dollar left and automatic recharge."""
    with tenant_context(person.tenant.id):
        url = start(5)
    account.pay(url, card)
    account.settle()
    with tenant_context(person.tenant.id):
        account_update(changes={"auto_recharge": True, **changes})
        correction_post(amount_micro=DOLLAR - balance_micro(), reason="a test")


def test_a_low_balance_is_raised_by_itself(alice: Person, account: Account) -> None:
    low(alice, account)
    with tenant_context(alice.tenant.id):
        made = recharge()
        assert made is not None
        assert made.status == TopUpStatus.PAID
        assert balance_micro() == 21 * DOLLAR
        assert recharge() is None, "enough"
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balance_micro() == 21 * DOLLAR


def test_a_recharge_that_broke_off_is_not_made_twice(alice: Person, account: Account) -> None:
    import stripe

    low(alice, account)
    account.fake.fail("/v1/payment_intents", "timeout", times=3, after=True)
    with tenant_context(alice.tenant.id):
        with pytest.raises(stripe.APIConnectionError):
            recharge()
        assert TopUp.objects.filter(source="recharge").get().status == TopUpStatus.PENDING
        recharge()
        assert balance_micro() == 21 * DOLLAR
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balance_micro() == 21 * DOLLAR
    charges = [each for each in account.client.v1.payment_intents.list().data if each.amount == 2000]
    assert len(charges) == 1


def test_no_more_than_the_most_of_a_month_is_charged(alice: Person, account: Account) -> None:
    low(alice, account, recharge_micro=60 * DOLLAR, recharge_month_max_micro=100 * DOLLAR)
    with tenant_context(alice.tenant.id):
        assert recharge() is not None
        correction_post(amount_micro=-60 * DOLLAR, reason="a test")
        assert recharge() is None
        account.advance(days=31)
        assert recharge() is not None


def test_a_card_that_fails_three_times_switches_it_off(
    alice: Person, account: Account, mailoutbox: list[object]
) -> None:
    low(alice, account)
    with tenant_context(alice.tenant.id):
        customer = TopUp.objects.get()
        from apps.billing.models import BillingAccount

        stripe_id = BillingAccount.objects.get().stripe_customer_id
        method = account.client.v1.payment_methods.attach(
            "pm_card_chargeCustomerFail", {"customer": stripe_id}
        )
        account.client.v1.customers.update(
            stripe_id, {"invoice_settings": {"default_payment_method": method.id}}
        )
        assert customer
        for hours in (0, 1, 2):
            account.advance(hours=hours)
            made = recharge()
            assert made is not None
            assert made.status == TopUpStatus.FAILED
            assert recharge() is None, "not at once again"
        assert not BillingAccount.objects.get().auto_recharge


def test_events_of_others_are_ignored(alice: Person, account: Account) -> None:
    account.client.v1.customers.create({"name": "Somebody else"})
    intent = account.client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    assert intent.status == "succeeded"
    account.settle()
    assert set(StripeEvent.objects.values_list("status", flat=True)) == {"ignored"}
