"""Payments that a card's holder disputes: Stripe takes the money back at once, and gives it back if we win."""

from collections.abc import Mapping

import stripe

from apps.audit.services import record
from apps.billing.ledger import entries_post
from apps.billing.models import Account, Kind, LedgerTransaction
from apps.billing.stripe.client import id_of, micro_of, share_of
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.models import Invoice, TopUp
from apps.billing.stripe.payments import paid_by


def dispute_take(found: stripe.Dispute) -> None:
    """Takes over a dispute, for which money was taken: an inquiry only asks. Raises PaymentUnknown.

    What was paid in leaves the balance; what was billed is owed again.
    """
    if not found.balance_transactions:
        return
    paid = paid_by(id_of(found.payment_intent))
    reference = f"dispute:{found.id}"
    new = not LedgerTransaction.objects.filter(reference=reference).exists()
    posted = entries_post(
        kind=Kind.DISPUTE,
        reference=reference,
        entries=_entries(paid, micro_of(found.amount), 1),
        description="A payment is disputed",
    )
    if found.status == "won":
        entries_post(
            kind=Kind.DISPUTE,
            reference=f"dispute-won:{found.id}",
            entries=_entries(paid, micro_of(found.amount), -1),
            description="The dispute was decided for us",
        )
    if new:
        record(action="payment.disputed", target=posted, after={"amount_micro": micro_of(found.amount)})
        managers_tell("A payment is disputed", "billing/mail/disputed.txt", {"paid": paid})


def _entries(paid: TopUp | Invoice, gross_micro: int, sign: int) -> Mapping[Account, int]:
    """Of a top-up its share of tax is no longer owed to the state, as with a refund."""
    if isinstance(paid, Invoice):
        return {Account.RECEIVABLE: -sign * gross_micro, Account.CASH: sign * gross_micro}
    tax = share_of(paid.tax_micro, gross_micro, paid.amount_micro + paid.tax_micro)
    return {
        Account.BALANCE: -sign * (gross_micro - tax),
        Account.TAX: -sign * tax,
        Account.CASH: sign * gross_micro,
    }
