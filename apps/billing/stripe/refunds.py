"""Money that is paid back: by staff, and what they pay back at Stripe itself."""

from collections.abc import Mapping

import stripe
import structlog
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.utils import timezone

from apps.audit.services import record
from apps.billing.ledger import account_lock, entries_post
from apps.billing.models import Account, Kind
from apps.billing.stripe.client import at_stripe, cents_of, client, id_of, metadata_of, micro_of, share_of
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.models import Invoice, Refund, RefundStatus, TopUp, TopUpStatus
from apps.billing.stripe.payments import paid_by
from apps.core.tenancy import atomic

FAILED = ("failed", "canceled")

log = structlog.get_logger(__name__)


def refundable_micro(paid: TopUp | Invoice) -> int:
    """What can still be paid back, without tax."""
    given = paid.refunds.exclude(status=RefundStatus.FAILED).aggregate(sum=Sum("amount_micro"))["sum"] or 0
    return _net(paid) - given


def _net(paid: TopUp | Invoice) -> int:
    if isinstance(paid, TopUp):
        return paid.amount_micro if paid.status == TopUpStatus.PAID else 0
    return share_of(paid.paid_micro, paid.total_micro - paid.tax_micro, paid.total_micro)


def refund_make(*, paid: TopUp | Invoice, amount_micro: int, reason: str) -> Refund:
    """Pays back a part, or all, of what the current tenant paid, with its share of tax. Raises ValidationError.

    It leaves the balance now, so that it can't be spent as well. Whether a call that broke off was carried out
    is not known: `refund_send` tries it again with the same idempotency key.
    """
    if not reason.strip():
        raise ValidationError("A refund needs a reason, which the tenant reads.")
    if amount_micro <= 0 or amount_micro % 10_000:
        raise ValidationError("A refund is of whole cents, above 0.")
    with atomic():
        account_lock()
        if not paid.payment_intent_id:
            raise ValidationError("Nothing was paid that can be paid back.")
        if amount_micro > (most := refundable_micro(paid)):
            raise ValidationError(f"At most {most / 1_000_000:.2f} dollars can be paid back of this payment.")
        refund = _new_refund(paid, amount_micro, reason)
    refund_send(refund)
    return refund


def _new_refund(
    paid: TopUp | Invoice,
    amount_micro: int,
    reason: str,
    *,
    tax_micro: int | None = None,
    stripe_id: str = "",
) -> Refund:
    if tax_micro is None:
        whole = paid.amount_micro if isinstance(paid, TopUp) else paid.total_micro - paid.tax_micro
        tax_micro = share_of(paid.tax_micro, amount_micro, whole)
    refund = Refund(
        top_up=paid if isinstance(paid, TopUp) else None,
        invoice=paid if isinstance(paid, Invoice) else None,
        amount_micro=amount_micro,
        tax_micro=tax_micro,
        reason=reason,
        stripe_refund_id=stripe_id,
        created_at=timezone.now(),
    )
    refund.save()
    entries_post(
        kind=Kind.REFUND, reference=f"refund:{refund.id}", entries=_entries(refund, 1), description=reason
    )
    record(action="refund.made", target=refund, after={"amount_micro": refund.amount_micro, "reason": reason})
    return refund


def _entries(refund: Refund, sign: int) -> Mapping[Account, int]:
    """What was paid in leaves the balance; what was billed is taken off what we earned."""
    taken = Account.BALANCE if refund.top_up_id else Account.CORRECTION
    return {
        taken: -sign * refund.amount_micro,
        Account.TAX: -sign * refund.tax_micro,
        Account.CASH: sign * (refund.amount_micro + refund.tax_micro),
    }


def refund_send(refund: Refund) -> None:
    """Asks Stripe for it. Raises stripe.StripeError where it isn't known what came of it."""
    with at_stripe():
        refund.refresh_from_db()
        paid = refund.top_up or refund.invoice
        assert paid is not None
        if refund.stripe_refund_id or refund.status != RefundStatus.PENDING:
            return
        try:
            found = client().v1.refunds.create(
                {
                    "payment_intent": paid.payment_intent_id,
                    "amount": cents_of(refund.amount_micro + refund.tax_micro),
                    "metadata": {"refund": str(refund.id)},
                },
                {"idempotency_key": f"refund:{refund.id}"},
            )
        except stripe.InvalidRequestError as error:
            _fail(refund, str(error.user_message or error))
        else:
            refund_take(found)


def refund_take(found: stripe.Refund) -> None:
    """Takes over a refund, also one that was made at Stripe itself. Call it in `at_stripe`.

    Raises PaymentUnknown.
    """
    id = metadata_of(found).get("refund", "")
    refund = Refund.objects.filter(stripe_refund_id=found.id).first()
    refund = refund or (Refund.objects.filter(id=id).first() if id else None)
    if refund is None:
        if found.status in FAILED:
            return
        refund = _made_there(found)
    refund.stripe_refund_id = found.id
    refund.save(update_fields=["stripe_refund_id"])
    if found.status == "succeeded" and refund.status == RefundStatus.PENDING:
        refund.status, refund.settled_at = RefundStatus.SUCCEEDED, timezone.now()
        refund.save(update_fields=["status", "settled_at"])
        managers_tell("Money is on its way back to you", "billing/mail/refunded.txt", {"refund": refund})
    elif found.status in FAILED:
        _fail(refund, found.failure_reason or "The bank did not take it.")


def _made_there(found: stripe.Refund) -> Refund:
    """Raises PaymentUnknown."""
    paid = paid_by(id_of(found.payment_intent))
    whole = paid.amount_micro + paid.tax_micro if isinstance(paid, TopUp) else paid.total_micro
    gross = micro_of(found.amount)
    tax = share_of(paid.tax_micro, gross, whole)
    return _new_refund(paid, gross - tax, "Paid back at Stripe", tax_micro=tax, stripe_id=found.id)


@atomic()
def _fail(refund: Refund, failure: str) -> None:
    """Also one that had succeeded: the money came back."""
    if refund.status == RefundStatus.FAILED:
        return
    entries_post(
        kind=Kind.REFUND,
        reference=f"refund-failed:{refund.id}",
        entries=_entries(refund, -1),
        description="A refund failed",
    )
    refund.status, refund.failure, refund.settled_at = RefundStatus.FAILED, failure[:500], timezone.now()
    refund.save()
    log.error("refund_failed", refund=str(refund.id), failure=failure)
    managers_tell("A refund failed", "billing/mail/refund_failed.txt", {"refund": refund})


def refund_check(refund: Refund) -> None:
    """Asks Stripe for one that is under way, or tells it for the first time. Raises stripe.StripeError."""
    if not refund.stripe_refund_id:
        refund_send(refund)
        return
    with at_stripe():
        refund_take(client().v1.refunds.retrieve(refund.stripe_refund_id))
