"""What we know of objects at Stripe. Amounts are micro-dollars; Stripe's are cents."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.billing.amounts import dollars
from apps.core.models import TenantModel


class TopUpSource(models.TextChoices):
    CHECKOUT = "checkout", "Paid in"
    RECHARGE = "recharge", "Automatic recharge"


class TopUpStatus(models.TextChoices):
    PENDING = "pending", "Not paid yet"
    PAID = "paid", "Paid"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Not paid"


class TopUp(TenantModel):
    """Money that is paid in. Its id is the idempotency key at Stripe and part of the ledger's reference."""

    source = models.CharField(max_length=8, choices=TopUpSource)
    status = models.CharField(max_length=7, choices=TopUpStatus, default=TopUpStatus.PENDING)
    amount_micro = models.BigIntegerField()
    tax_micro = models.BigIntegerField(default=0)
    checkout_session_id = models.CharField(max_length=255, blank=True)
    payment_intent_id = models.CharField(max_length=255, blank=True, db_index=True)
    failure = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(source=TopUpSource.RECHARGE, status=TopUpStatus.PENDING),
                name="one_recharge_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()}, {self.get_status_display().lower()}"


class Subscription(TenantModel):
    """A plan that is paid for every month. `plan` is what is paid for until `period_end`, `next_plan` what
    comes then.

    `status` is Stripe's word for it, or `checkout` before it exists there. `past_due_since` begins the days of
    grace; `fallen` says that they are over and the tenant was put on the first plan.
    """

    CHECKOUT: ClassVar[str] = "checkout"
    OVER: ClassVar[tuple[str, ...]] = ("canceled", "incomplete_expired", "expired")

    plan = models.CharField(max_length=40)
    next_plan = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=20, default=CHECKOUT)
    checkout_session_id = models.CharField(max_length=255, blank=True)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    fallen = models.BooleanField(default=False)
    changes = models.PositiveIntegerField(default=0)  # part of the idempotency key of the next change
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_subscription_id"],
                condition=~Q(stripe_subscription_id=""),
                name="one_row_per_subscription",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.status}"


class InvoiceStatus(models.TextChoices):
    OPEN = "open", "To be paid"
    PAID = "paid", "Paid"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Not collected"


class Invoice(TenantModel):
    """What a tenant was billed, made from the ledger, and what Stripe made of it.

    The lines sum to `total_micro`, which is Stripe's total to the cent. `usage_micro` is the part of it that
    was used and not paid in advance. `usage_since` to `usage_until` is the time whose usage is on it; an
    invoice for a change of plan has none. `difference` is empty, or says in a sentence how Stripe's invoice
    differs from the ledger.
    """

    stripe_invoice_id = models.CharField(max_length=255)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    payment_intent_id = models.CharField(max_length=255, blank=True, db_index=True)
    number = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    plan = models.CharField(max_length=40, blank=True)
    previous_plan = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=13, choices=InvoiceStatus)
    usage_since = models.DateTimeField(null=True, blank=True)
    usage_until = models.DateTimeField(null=True, blank=True)
    fee_micro = models.BigIntegerField(default=0)
    usage_micro = models.BigIntegerField(default=0)
    lost_cents = models.BigIntegerField(default=0)  # of usage: sent to the meter, and not on it
    tax_micro = models.BigIntegerField(default=0)
    total_micro = models.BigIntegerField(default=0)
    paid_micro = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    hosted_url = models.URLField(max_length=2000, blank=True)
    pdf_url = models.URLField(max_length=2000, blank=True)
    difference = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["stripe_invoice_id"], name="one_row_per_invoice"),
        ]

    def __str__(self) -> str:
        return self.number or self.stripe_invoice_id


class LineKind(models.TextChoices):
    PLAN = "plan", "Plan"
    USAGE = "usage", "Usage"
    CREDIT = "credit", "Credit"
    BROUGHT = "brought", "Brought forward"
    CARRIED = "carried", "Carried forward"
    TAX = "tax", "Tax"


class InvoiceLine(TenantModel):
    """A line of usage is what was posted on `day` for `model`: `explain` opens it."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    kind = models.CharField(max_length=7, choices=LineKind)
    description = models.CharField(max_length=500)
    day = models.DateField(null=True, blank=True)
    model = models.TextField(blank=True)
    amount_micro = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.description} {self.amount_micro}"


class PushStatus(models.TextChoices):
    PENDING = "pending", "To be sent"
    SENT = "sent", "Sent"
    PARKED = "parked", "Refused by Stripe"


class MeterPush(TenantModel):
    """Usage that Stripe is to put on the next invoice: what was owed at `until` and not pushed before, in
    whole cents.

    The id is the meter event's identifier, so that sending it again counts once. Part of a cent stays in the
    balance and goes with a later push.
    """

    until = models.DateTimeField()
    cents = models.BigIntegerField()
    meter = models.CharField(max_length=100)
    status = models.CharField(max_length=7, choices=PushStatus, default=PushStatus.PENDING)
    sent_as_of = models.DateTimeField(
        null=True, blank=True
    )  # the time that Stripe was told, which is in its period
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["until"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "meter", "until"], name="one_push_per_hour"),
            models.CheckConstraint(condition=Q(cents__gt=0), name="pushes_are_above_nothing"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(status=PushStatus.PENDING), name="pushes_to_send")
        ]

    def __str__(self) -> str:
        return f"{self.cents} cents until {self.until:%Y-%m-%d %H:%M}"


class RefundStatus(models.TextChoices):
    PENDING = "pending", "Under way"
    SUCCEEDED = "succeeded", "Paid back"
    FAILED = "failed", "Failed"


class Refund(TenantModel):
    """Money that is paid back, of a top-up or of an invoice. It leaves the balance when it is asked for, and comes
    back to it if it fails."""

    top_up = models.ForeignKey(TopUp, on_delete=models.CASCADE, null=True, blank=True, related_name="refunds")
    invoice = models.ForeignKey(
        Invoice, on_delete=models.CASCADE, null=True, blank=True, related_name="refunds"
    )
    amount_micro = models.BigIntegerField()
    tax_micro = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=500)
    status = models.CharField(max_length=9, choices=RefundStatus, default=RefundStatus.PENDING)
    stripe_refund_id = models.CharField(max_length=255, blank=True, db_index=True)
    failure = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_micro__gt=0), name="refunds_are_above_nothing"),
            models.CheckConstraint(
                condition=Q(top_up=None, invoice__isnull=False) | Q(invoice=None, top_up__isnull=False),
                name="refund_of_a_top_up_or_an_invoice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dollars}, {self.get_status_display().lower()}"

    @property
    def dollars(self) -> str:
        return dollars(self.amount_micro + self.tax_micro)


class EventStatus(models.TextChoices):
    WAITING = "waiting", "To be processed"
    DONE = "done", "Processed"
    IGNORED = "ignored", "Of no interest"
    PARKED = "parked", "Could not be processed"


class StripeEvent(models.Model):
    """That Stripe told us of a change, once for each event. What it says is not kept: its object is fetched
    instead, so that neither the order nor the age of events matters."""

    id = models.CharField(primary_key=True, max_length=255)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255, blank=True)
    customer_id = models.CharField(max_length=255, blank=True)
    payment_intent_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    status = models.CharField(max_length=7, choices=EventStatus, default=EventStatus.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(status=EventStatus.WAITING), name="stripe_events_to_process"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"
