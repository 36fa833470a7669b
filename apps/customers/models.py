"""A tenant's own customers, and what the tenant charges them. Amounts are micro-dollars."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from apps.core.models import TenantModel
from apps.usage.models import Kind

LEAST_BP, MOST_BP = -10_000, 1_000_000  # for nothing; a hundred times on top


class Customer(TenantModel):
    """Whom a tenant charges for what is used on their account. `external_id` is what the tenant's apps call them.

    `sessions_limit` at the same time and `events_per_second_limit` hold for all sessions on the customer's account
    together; None: no limits besides those of the tenant. One that is not active opens no sessions. Customers are
    never deleted, since what they used is not.
    """

    external_id = models.CharField(
        max_length=100,
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9._:@-]*\Z",
                "Begin with a letter or a digit, and use letters, digits and . _ : @ - only.",
            )
        ],
    )
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    sessions_limit = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    events_per_second_limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    notes = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                name="one_customer_per_external_id",
                violation_error_message="There is a customer with this external id already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class CustomerMarkup(TenantModel):
    """`markup_bp`, in 1/100 %, is added to the price of what a customer uses from `valid_from` on, until another
    row's. Never changed, and never of the past: what was used keeps its charge."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="markups")
    markup_bp = models.IntegerField(validators=[MinValueValidator(LEAST_BP), MaxValueValidator(MOST_BP)])
    valid_from = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "customer", "valid_from"],
                name="one_markup_at_a_time",
                violation_error_message="There is a markup from that moment on already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.markup_bp / 100:g} %"


class Statement(TenantModel):
    """What a customer owes its tenant for a month of UTC, which `month` is the first day of. Never changed: what
    was recorded late is on the next one. Names are those of the moment in which it was issued."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="statements")
    month = models.DateField()
    tenant_name = models.CharField(max_length=100)
    customer_name = models.CharField(max_length=100)
    external_id = models.CharField(max_length=100)
    records = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    price_micro = models.BigIntegerField()
    resale_micro = models.BigIntegerField()
    issued_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["-month", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "customer", "month"],
                name="one_statement_per_month",
                violation_error_message="The statement of that month was issued already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.month:%Y-%m}"

    @property
    def margin_micro(self) -> int:
        """What is left to the tenant."""
        return self.resale_micro - self.price_micro


class StatementLine(TenantModel):
    """What was used of one unit of one model on a day of UTC, at one markup: the sum of so many usage lines.

    `price_micro` is what the tenant is billed for it, which no customer gets to see.
    """

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="lines")
    day = models.DateField()
    kind = models.CharField(max_length=13, choices=Kind)
    model = models.TextField()
    unit = models.TextField()
    markup_bp = models.IntegerField()
    quantity = models.BigIntegerField()
    records = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    price_micro = models.BigIntegerField()
    resale_micro = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        ordering = ["day", "kind", "model", "unit", "markup_bp"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "statement", "day", "kind", "model", "unit", "markup_bp"],
                name="one_statement_line_of_a_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.unit}"
