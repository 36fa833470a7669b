"""Payments that a card's holder disputes."""

from datetime import timedelta
from random import Random

import pytest
from pytest_django.fixtures import Settings

from apps.audit.models import AuditEvent
from apps.billing import tasks
from apps.billing.ledger import balance_micro, balances
from apps.billing.models import Account as Book
from apps.billing.models import Kind, LedgerEntry, LedgerTransaction
from apps.billing.stripe.models import EventStatus, StripeEvent
from apps.billing.stripe.webhooks import event_process, event_receive
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import Account
from tests.billing.test_subscriptions import INCLUDED, subscribe
from tests.billing.test_top_ups import DOLLAR, TRIAL, start
from tests.cast import Person

DISPUTED, ASKED = "4000000000000259", "4000000000001976"


def pay_in(person: Person, account: Account, card: str = DISPUTED) -> None:
    with tenant_context(person.tenant.id):
        url = start(20)
    account.pay(url, card)
    account.advance(minutes=2)


def decide(account: Account, evidence: str) -> None:
    [dispute] = account.client.v1.disputes.list().data
    account.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}})


def posted() -> list[dict[str, int]]:
    """The entries of each transaction of a dispute, oldest first."""
    rows = LedgerTransaction.objects.filter(kind=Kind.DISPUTE).order_by("at", "-reference")
    return [
        dict(LedgerEntry.objects.filter(transaction=row).values_list("account", "amount_micro"))
        for row in rows
    ]


TAKEN = {Book.BALANCE: -20 * DOLLAR, Book.CASH: 20 * DOLLAR}
GIVEN = {Book.BALANCE: 20 * DOLLAR, Book.CASH: -20 * DOLLAR}


def test_what_was_paid_in_leaves_the_balance_once(alice: Person, account: Account) -> None:
    pay_in(alice, account)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == [TAKEN]
        assert balance_micro() == TRIAL
        assert AuditEvent.objects.filter(action="payment.disputed").count() == 1
    decide(account, "It was delivered.")  # under review: one more event
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == [TAKEN]
        assert AuditEvent.objects.filter(action="payment.disputed").count() == 1


def test_a_dispute_that_is_won_gives_it_back(alice: Person, account: Account) -> None:
    pay_in(alice, account)
    account.settle()
    account.advance(days=1)
    decide(account, "winning_evidence")
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == [TAKEN, GIVEN]
        assert balance_micro() == TRIAL + 20 * DOLLAR


@pytest.mark.parametrize("accepted", [True, False])
def test_a_dispute_that_is_lost_stays_taken(alice: Person, account: Account, accepted: bool) -> None:
    pay_in(alice, account)
    account.settle()
    if accepted:
        [dispute] = account.client.v1.disputes.list().data
        account.client.v1.disputes.close(dispute.id)
    else:
        decide(account, "losing_evidence")
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == [TAKEN]
        assert balance_micro() == TRIAL


def test_an_inquiry_takes_nothing(alice: Person, account: Account) -> None:
    pay_in(alice, account, ASKED)
    decide(account, "losing_evidence")
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == []
        assert balance_micro() == TRIAL + 20 * DOLLAR


def test_an_invoice_that_is_disputed_is_owed_again(alice: Person, account: Account) -> None:
    subscribe(alice, account, card=DISPUTED)
    account.advance(minutes=2)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert posted() == [{Book.RECEIVABLE: -49 * DOLLAR, Book.CASH: 49 * DOLLAR}]
        assert balance_micro() == TRIAL + INCLUDED
        assert balances()[Book.CASH] == 0
    decide(account, "winning_evidence")
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balances()[Book.RECEIVABLE] == 0


def test_the_tax_of_a_top_up_is_taken_from_tax(alice: Person, account: Account, settings: Settings) -> None:
    settings.STRIPE_TAX = True
    with tenant_context(alice.tenant.id):
        url = start(20)
    account.pay(url, DISPUTED, country="DE")
    account.advance(minutes=2)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert balance_micro() == TRIAL
        assert balances()[Book.TAX] == balances()[Book.CASH] == 0


@pytest.mark.parametrize("outcome", ["winning_evidence", "losing_evidence"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_events_in_any_order_and_twice_come_to_the_same(
    alice: Person, account: Account, seed: int, outcome: str
) -> None:
    """Also before those of the payment itself: then they are tried again."""
    pay_in(alice, account)
    decide(account, outcome)
    bodies, account.bodies = account.bodies * 2, []
    Random(seed).shuffle(bodies)
    bodies.sort(key=lambda each: b'"charge.dispute.' not in each[0])
    for body, signature in bodies:
        if (event := event_receive(body=body, signature=signature)) is not None:
            event_process(event.id)
    early = StripeEvent.objects.filter(type__startswith="charge.dispute.")
    assert {event.error.partition(":")[0] for event in early} == {"PaymentUnknown"}
    account.at += timedelta(minutes=1)
    tasks.stripe_events_sweep()
    assert {event.status for event in early.all()} == {EventStatus.DONE}
    with tenant_context(alice.tenant.id):
        won = outcome == "winning_evidence"
        assert posted() == ([TAKEN, GIVEN] if won else [TAKEN])
        assert balance_micro() == TRIAL + (20 * DOLLAR if won else 0)
