"""What a payment at Stripe was for."""

from apps.billing.stripe.models import Invoice, TopUp


class PaymentUnknown(Exception):
    """Nothing here was paid by it: its own event may be on its way."""


def paid_by(intent_id: str) -> TopUp | Invoice:
    """What the current tenant paid by this payment intent. Raises PaymentUnknown."""
    paid = intent_id and (
        TopUp.objects.filter(payment_intent_id=intent_id).first()
        or Invoice.objects.filter(payment_intent_id=intent_id).first()
    )
    if not paid:
        raise PaymentUnknown(f"No top-up or invoice was paid by {intent_id!r}.")
    return paid
