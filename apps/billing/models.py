"""What a tenant has with us, in integers of micro-dollars. The ledger is the truth; the rest is how it is used."""

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Greatest

from apps.agents.models import Agent
from apps.core.models import TenantModel
from apps.customers.models import Customer
from apps.keys.models import ApiKey

GOODBYE = "I'm sorry, but I have to end our call here. Goodbye."


class Mode(models.TextChoices):
    PREPAID = "prepaid", "Paid in advance"
    POSTPAID = "postpaid", "Paid by invoice"


class BillingAccount(TenantModel):
    """How a tenant pays: one row for each. Its row is what everything that spends locks.

    An empty `plan` means the first one, an empty `mode` and no `cap_micro` what the plan says. `goodbye` is spoken
    when a session ends because the money is used up; empty: nothing is said.
    """

    plan = models.CharField(max_length=40, blank=True)
    mode = models.CharField(max_length=8, choices=Mode, blank=True)
    cap_micro = models.BigIntegerField(null=True, blank=True, validators=[MinValueValidator(0)])
    goodbye = models.CharField(max_length=500, default=GOODBYE, blank=True)
    auto_recharge = models.BooleanField(default=False)
    recharge_below_micro = models.BigIntegerField(default=5_000_000, validators=[MinValueValidator(0)])
    recharge_micro = models.BigIntegerField(default=20_000_000, validators=[MinValueValidator(1_000_000)])
    recharge_month_max_micro = models.BigIntegerField(
        default=100_000_000, validators=[MinValueValidator(1_000_000)]
    )
    stripe_customer_id = models.CharField(max_length=64, blank=True, editable=False)
    billing_email = models.EmailField(blank=True)
    legal_name = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    tax_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="one_billing_account_per_tenant"),
            models.UniqueConstraint(
                fields=["stripe_customer_id"],
                condition=~models.Q(stripe_customer_id=""),
                name="one_account_per_stripe_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"billing of {self.tenant_id}"


class Kind(models.TextChoices):
    """Why money moved."""

    USAGE = "usage", "Usage"
    TOP_UP = "top_up", "Top-up"
    TRIAL = "trial", "Trial credit"
    INCLUDED = "included", "Included in the plan"
    EXPIRY = "expiry", "Expired credit"
    PLAN_FEE = "plan_fee", "Plan"
    INVOICE = "invoice", "Invoice"
    INVOICE_PAYMENT = "invoice_payment", "Payment of an invoice"
    REFUND = "refund", "Refund"
    DISPUTE = "dispute", "Disputed payment"
    CORRECTION = "correction", "Correction"


class LedgerTransaction(TenantModel):
    """Money that moved, as two entries or more whose sum is 0: the database refuses others when they are committed.

    The id of a usage transaction is the `posting_id` of the lines it sums up. `reference` says what it was made
    for, once: `top-up:<payment>`, `trial`. `at` is when it was posted, so what is closed stays closed.
    """

    kind = models.CharField(max_length=16, choices=Kind)
    reference = models.CharField(max_length=200)
    customer_id = models.UUIDField(null=True, blank=True)
    description = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    balance_change: int  # as `ledger.transactions` has it

    class Meta(TenantModel.Meta):
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "reference"], name="one_transaction_per_reference")
        ]
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="ledger_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Account(models.TextChoices):
    """Positive is what we owe or earned (credit), negative what we have or are owed (debit)."""

    BALANCE = "balance", "Balance"  # what the tenant has with us; below 0: used and not yet invoiced
    RECEIVABLE = "receivable", "Invoiced, not yet paid"
    CASH = "cash", "Paid to us"
    USAGE_REVENUE = "usage_revenue", "Usage"
    PLAN_REVENUE = "plan_revenue", "Plan fees"
    PROMOTION = "promotion", "Credit given"
    TAX = "tax", "Tax"
    CORRECTION = "correction", "Corrections"


class LedgerEntry(TenantModel):
    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.CASCADE, related_name="entries")
    account = models.CharField(max_length=16, choices=Account)
    amount_micro = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_micro}"


class AccountBalance(TenantModel):
    """The sum of a tenant's entries of one account. Kept by a trigger; the database refuses other changes."""

    account = models.CharField(max_length=16, choices=Account)
    amount_micro = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "account"], name="one_balance_per_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_micro}"


class SpendHold(TenantModel):
    """What a running session may spend that isn't in the ledger yet: `amount_micro`, which is what it was granted
    less what was posted of it. Worth nothing after `expires_at`: its process is gone, which otherwise renews it
    every few seconds."""

    session_id = models.CharField(max_length=64)
    process_id = models.UUIDField(default=uuid.uuid4)
    api_key_id = models.UUIDField(null=True, blank=True)
    agent_id = models.UUIDField(null=True, blank=True)
    customer_id = models.UUIDField(null=True, blank=True)
    granted_micro = models.BigIntegerField()
    posted_micro = models.BigIntegerField(default=0)
    amount_micro = models.GeneratedField(
        expression=Greatest(models.F("granted_micro") - models.F("posted_micro"), 0),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "session_id"], name="one_hold_per_session")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.amount_micro}"


class Period(models.TextChoices):
    """UTC, all of them."""

    DAY = "day", "a day"
    MONTH = "month", "a month"
    TOTAL = "total", "in all"


class Action(models.TextChoices):
    WARN = "warn", "Warn"
    STOP = "stop", "Warn, and end sessions"


class Budget(TenantModel):
    """What an API key, an agent, a customer of the tenant's own or, with none of these, the whole tenant should
    spend at most in a period."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    period = models.CharField(max_length=5, choices=Period, default=Period.MONTH)
    amount_micro = models.BigIntegerField(validators=[MinValueValidator(10_000)])
    action = models.CharField(max_length=4, choices=Action, default=Action.STOP)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(api_key=None, agent=None)
                | models.Q(api_key=None, customer=None)
                | models.Q(agent=None, customer=None),
                name="budget_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount_micro} per {self.period}"


class SpendWarning(TenantModel):
    """That members were told of `percent` of a budget, or without one of the balance or the cap, being spent.

    `period` is `2026-11`, `2026-11-23` or `total`, and for a prepaid balance the transaction that last raised it.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    period = models.CharField(max_length=60)
    percent = models.PositiveSmallIntegerField()
    spent_micro = models.BigIntegerField()
    amount_micro = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "budget", "period", "percent"],
                name="one_warning_per_percent",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.amount_micro}"


from apps.billing.stripe.models import (  # noqa: E402 - they are this app's too
    Invoice,
    InvoiceLine,
    MeterPush,
    Refund,
    StripeEvent,
    Subscription,
    TopUp,
)

__all__ = ["Invoice", "InvoiceLine", "MeterPush", "Refund", "StripeEvent", "Subscription", "TopUp"]
