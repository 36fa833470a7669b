"""Money that is paid back."""

from datetime import timedelta

import pytest
import stripe
from django.core.exceptions import ValidationError
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.billing import tasks
from apps.billing.ledger import balance_micro, balances
from apps.billing.models import Account as Book
from apps.billing.models import Invoice, Refund, TopUp
from apps.billing.stripe.models import RefundStatus, StripeEvent
from apps.billing.stripe.refunds import refund_check, refund_make, refundable_micro
from apps.billing.stripe.webhooks import event_process, event_receive
from apps.core.tenancy import tenant_context
from tests.accounts.walking import sign_in
from tests.billing.stripe_account import Account
from tests.billing.test_subscriptions import subscribe
from tests.billing.test_top_ups import DOLLAR, TRIAL, start
from tests.cast import PASSWORD, Person


def pay_in(person: Person, account: Account, card: str = "4242424242424242") -> TopUp:
    with tenant_context(person.tenant.id):
        url = start(20)
    account.pay(url, card)
    account.settle()
    with tenant_context(person.tenant.id):
        return TopUp.objects.get()


def test_a_top_up_is_paid_back_in_parts(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account)
    with tenant_context(alice.tenant.id):
        refund = refund_make(paid=paid, amount_micro=15 * DOLLAR, reason="They asked.")
        refund.refresh_from_db()
        assert refund.status == RefundStatus.SUCCEEDED
        assert balance_micro() == TRIAL + 5 * DOLLAR
        with pytest.raises(ValidationError, match=r"At most 5\.00 dollars"):
            refund_make(paid=paid, amount_micro=6 * DOLLAR, reason="They asked.")
        refund_make(paid=paid, amount_micro=5 * DOLLAR, reason="They asked.")
        assert refundable_micro(paid) == 0
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balance_micro() == TRIAL
        assert balances()[Book.CASH] == 0


def test_a_refund_that_fails_later_is_in_the_balance_again(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account, "4000000000005126")
    with tenant_context(alice.tenant.id):
        refund = refund_make(paid=paid, amount_micro=15 * DOLLAR, reason="They asked.")
        assert balance_micro() == TRIAL + 5 * DOLLAR
    account.advance(days=3)
    account.settle()
    with tenant_context(alice.tenant.id):
        refund.refresh_from_db()
        assert refund.status == RefundStatus.FAILED
        assert refund.failure
        assert balance_micro() == TRIAL + 20 * DOLLAR
        assert refundable_micro(paid) == 20 * DOLLAR


def test_a_refund_that_takes_days_is_under_way(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account, "4000000000007726")
    with tenant_context(alice.tenant.id):
        refund = refund_make(paid=paid, amount_micro=15 * DOLLAR, reason="They asked.")
        refund.refresh_from_db()
        assert refund.status == RefundStatus.PENDING
    account.advance(days=3)
    account.settle()
    with tenant_context(alice.tenant.id):
        refund.refresh_from_db()
        assert refund.status == RefundStatus.SUCCEEDED


def test_a_refund_whose_answer_was_lost_is_made_once(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account)
    account.fake.fail("/v1/refunds", "timeout", times=3, after=True)
    with tenant_context(alice.tenant.id):
        with pytest.raises(stripe.APIConnectionError):
            refund_make(paid=paid, amount_micro=15 * DOLLAR, reason="They asked.")
        refund = Refund.objects.get()
        assert refund.status == RefundStatus.PENDING
        refund_check(refund)
        refund.refresh_from_db()
        assert refund.status == RefundStatus.SUCCEEDED
    account.settle()
    with tenant_context(alice.tenant.id):
        assert Refund.objects.count() == 1
        assert balance_micro() == TRIAL + 5 * DOLLAR
    assert tasks


def test_what_is_paid_back_at_stripe_itself_is_noted(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account)
    account.client.v1.refunds.create({"payment_intent": paid.payment_intent_id, "amount": 500})
    account.settle()
    with tenant_context(alice.tenant.id):
        assert Refund.objects.get().amount_micro == 5 * DOLLAR
        assert balance_micro() == TRIAL + 15 * DOLLAR


def test_what_is_paid_back_there_before_the_payment_is_known_is_noted_after_it(
    alice: Person, account: Account
) -> None:
    with tenant_context(alice.tenant.id):
        url = start(20)
    account.pay(url, "4242424242424242")
    [intent] = account.client.v1.payment_intents.list().data
    account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 500})
    bodies, account.bodies = sorted(account.bodies, key=lambda each: b'"refund.' not in each[0]), []
    for body, signature in bodies:
        if (event := event_receive(body=body, signature=signature)) is not None:
            event_process(event.id)
    early = StripeEvent.objects.filter(type__startswith="refund.")
    assert {event.error.partition(":")[0] for event in early} == {"PaymentUnknown"}
    account.at += timedelta(minutes=1)
    tasks.stripe_events_sweep()
    with tenant_context(alice.tenant.id):
        assert Refund.objects.get().status == RefundStatus.SUCCEEDED
        assert balance_micro() == TRIAL + 15 * DOLLAR


def test_an_invoice_is_paid_back_without_touching_the_balance(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    with tenant_context(alice.tenant.id):
        before = balance_micro()
        refund_make(paid=Invoice.objects.get(), amount_micro=49 * DOLLAR, reason="Out of goodwill.")
        assert balance_micro() == before
        found = balances()
        assert found[Book.CASH] == 0
        assert found[Book.CORRECTION] == -49 * DOLLAR


@pytest.mark.parametrize(
    ("micro", "reason", "sentence"),
    [
        (0, "x", "whole cents"),
        (-10_000, "x", "whole cents"),
        (5, "x", "whole cents"),
        (10_000, " ", "reason"),
    ],
)
def test_refunds_that_make_no_sense_are_refused(
    alice: Person, account: Account, micro: int, reason: str, sentence: str
) -> None:
    paid = pay_in(alice, account)
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match=sentence):
        refund_make(paid=paid, amount_micro=micro, reason=reason)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_staff_pays_back_on_a_page(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account)
    staff, page = Client(), f"/staff/billing/topup/{paid.pk}/refund/"
    sign_in(staff, User.objects.create_superuser("root@example.com", PASSWORD).email)
    assert 'max="20.00"' in staff.get(page).content.decode()
    given = {"dollars": "15.00", "reason": "They asked.", "left": 20 * DOLLAR}
    for wrong in ({"dollars": "0"}, {"dollars": "20.01"}, {"reason": " "}, {"left": 1}):
        assert staff.post(page, {**given, **wrong}).status_code == 422
    assert staff.post(page, given).status_code == 302
    assert "paid back meanwhile" in staff.post(page, given).content.decode()
    with tenant_context(alice.tenant.id):
        refund = Refund.objects.get()
        assert (refund.amount_micro, refund.status) == (15 * DOLLAR, RefundStatus.SUCCEEDED)
        assert balance_micro() == TRIAL + 5 * DOLLAR
        noted = AuditEvent.objects.get(action="refund.made")
        assert (noted.actor_kind, noted.actor_label) == ("staff", "root@example.com")
    subscribe(alice, account)
    with tenant_context(alice.tenant.id):
        invoice = Invoice.objects.get()
    given = {"dollars": "49", "reason": "Out of goodwill.", "left": 49 * DOLLAR}
    assert staff.post(f"/staff/billing/invoice/{invoice.pk}/refund/", given).status_code == 302
    with tenant_context(alice.tenant.id):
        assert Refund.objects.get(invoice=invoice).amount_micro == 49 * DOLLAR


def test_members_have_no_such_page(alice: Person, account: Account) -> None:
    paid = pay_in(alice, account)
    member = Client()
    member.force_login(alice.user)
    assert member.get(f"/staff/billing/topup/{paid.pk}/refund/", follow=True).status_code == 403
