from django.db import models

from apps.core.models import TenantModel


class Kind(models.TextChoices):
    RESPONSE = "response", "Language model"
    TRANSCRIPTION = "transcription", "Speech to text"
    SPEECH = "speech", "Text to speech"
    CONNECTION = "connection", "Connection to a model"
    TOOL = "tool", "Tool"
    TRANSPORT = "transport", "Time connected"


class UsageLine(TenantModel):
    """A quantity of one unit that was used, and what it comes to: a line of an `antiphon.metering` usage record.

    `key` is the record's id; with the unit it makes the line unique, so that writing it again changes nothing. The
    ids of what it names are no foreign keys: lines outlive keys, agents, sessions and customers.

    `cost_micro` is what the operator pays, which no tenant gets to see; `price_micro` is what the tenant is billed:
    `unit_price` dollars for `per` units, by the rate `rate_id`. `is_priced` is false, and there is no rate, where
    nobody knew a price: an alarm, never free. `posting_id` is the ledger's transaction that posted the line.
    """

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )
    key = models.TextField()
    unit = models.TextField()
    kind = models.CharField(max_length=13, choices=Kind)
    session_id = models.TextField()
    response_id = models.TextField(null=True, blank=True)
    item_id = models.TextField(null=True, blank=True)
    attempt = models.PositiveIntegerField()
    api_key_id = models.UUIDField(null=True, blank=True)
    agent_version_id = models.UUIDField(null=True, blank=True)
    customer_id = models.UUIDField(null=True, blank=True)
    provider = models.TextField()
    model = models.TextField()
    quantity = models.BigIntegerField()
    rate_id = models.TextField(blank=True)
    unit_price = models.DecimalField(max_digits=30, decimal_places=15, null=True, blank=True)
    per = models.BigIntegerField(null=True, blank=True)
    cost_micro = models.BigIntegerField()
    price_micro = models.BigIntegerField()
    estimated = models.BooleanField()
    is_priced = models.BooleanField()
    outcome = models.TextField(null=True, blank=True)
    at = models.DateTimeField()
    posting_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key", "unit"], name="usage_recorded_once"),
        ]
        indexes = [
            models.Index(fields=["tenant", "session_id", "id"], name="usage_by_session"),
            models.Index(fields=["tenant", "-at", "-id"], name="usage_by_time"),
            models.Index(fields=["tenant", "posting_id"], name="usage_by_posting"),
            models.Index(
                fields=["tenant", "customer_id", "-at", "-id"],
                condition=models.Q(customer_id__isnull=False),
                name="usage_by_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.unit} of {self.model}"

    @property
    def margin_micro(self) -> int:
        return self.price_micro - self.cost_micro


class UsageSum(TenantModel):
    """What the lines of one time add up to, for each way in which they differ. Always equal to them: the recorder
    raises it in the transaction that writes them, `rebuild_rollups` makes it anew.

    `records` counts lines. `estimated_micro` is the part of the price that is an estimate, `unpriced` the number of
    lines without a price.
    """

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )
    kind = models.CharField(max_length=13, choices=Kind)
    provider = models.TextField()
    model = models.TextField()
    unit = models.TextField()
    api_key_id = models.UUIDField(null=True, blank=True)
    agent_version_id = models.UUIDField(null=True, blank=True)
    customer_id = models.UUIDField(null=True, blank=True)
    quantity = models.BigIntegerField(default=0)
    records = models.BigIntegerField(default=0)
    cost_micro = models.BigIntegerField(default=0)
    price_micro = models.BigIntegerField(default=0)
    estimated_micro = models.BigIntegerField(default=0)
    unpriced = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.quantity} {self.unit} of {self.model}"


_WAYS = ("kind", "provider", "model", "unit", "api_key_id", "agent_version_id", "customer_id")


class UsageHour(UsageSum):
    """`hour` is its first moment, in UTC."""

    hour = models.DateTimeField()

    class Meta(UsageSum.Meta):
        ordering = ["-hour", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "hour", *_WAYS], name="one_sum_per_hour", nulls_distinct=False
            ),
        ]


class UsageDay(UsageSum):
    """A day of UTC."""

    day = models.DateField()

    class Meta(UsageSum.Meta):
        ordering = ["-day", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day", *_WAYS], name="one_sum_per_day", nulls_distinct=False
            ),
        ]
