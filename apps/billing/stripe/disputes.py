"""Payments that a card's holder disputes: Stripe takes the money back at once, and gives it back if we win."""

import stripe

from apps.audit.services import record
from apps.billing.ledger import entries_post
from apps.billing.models import Account, Kind
from apps.billing.stripe.client import id_of, micro_of
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.models import Invoice, TopUp


def dispute_take(found: stripe.Dispute) -> None:
    """Takes over a dispute. What was paid in leaves the balance; what was billed is owed again."""
    intent = id_of(found.payment_intent)
    top_up = TopUp.objects.filter(payment_intent_id=intent).first() if intent else None
    invoice = Invoice.objects.filter(payment_intent_id=intent).first() if intent else None
    paid = top_up or invoice
    if paid is None or found.status.startswith("warning"):
        return
    amount = micro_of(found.amount)
    account = Account.BALANCE if top_up else Account.RECEIVABLE
    posted = entries_post(
        kind=Kind.DISPUTE,
        reference=f"dispute:{found.id}",
        entries={account: -amount, Account.CASH: amount},
        description="A payment is disputed",
    )
    if found.status == "won":
        entries_post(
            kind=Kind.DISPUTE,
            reference=f"dispute-won:{found.id}",
            entries={account: amount, Account.CASH: -amount},
            description="The dispute was decided for us",
        )
    if found.status == "needs_response":
        record(action="payment.disputed", target=posted, after={"amount_micro": amount})
        managers_tell("A payment is disputed", "billing/mail/disputed.txt", {"paid": paid})
