import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.core.models import TenantModel
from apps.credentials.models import SealedKeyModel
from apps.tenants.models import Membership
from apps.webhooks.types import TYPES


class Endpoint(TenantModel):
    """Where a tenant wants to be told of what happens. `events`: of these types only; empty means all.

    `failing_since` is when the first of the attempts was made that have failed ever since, and None after one that
    got through. `disabled_reason` is a sentence, and empty if a member disabled it.
    """

    url = models.CharField("address", max_length=500)
    description = models.CharField(max_length=200, blank=True)
    events = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_reason = models.CharField(max_length=300, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        unknown = sorted(set(self.events) - TYPES.keys())
        if unknown:
            raise ValidationError({"events": f"There are no events of the type {', '.join(unknown)}."})


class EndpointSecret(SealedKeyModel):
    """`whsec_...`, with which deliveries are signed: after a rotation the old one too, until it expires."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets")
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(SealedKeyModel.Meta):
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"signing secret of {self.endpoint}"


class WebhookEvent(TenantModel):
    """Something that happened and that somebody wants to be told: a row of the outbox, written in the transaction
    of what happened. `id` is a number that grows, and the order in which a session's events are delivered.

    `key` says what it is about: it is told once. `session_id` is that of the protocol, and empty for what belongs
    to no session.
    """

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    message_id = models.UUIDField(default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=40)
    data = models.JSONField(encoder=DjangoJSONEncoder)
    session_id = models.TextField(blank=True)
    key = models.CharField(max_length=200)
    at = models.DateTimeField()
    is_test = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="one_webhook_event_per_key")]
        indexes = [
            models.Index(fields=["tenant", "session_id"], name="webhook_events_by_session"),
            models.Index(fields=["at"], name="webhook_events_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.webhook_id}"

    @property
    def webhook_id(self) -> str:
        """As receivers see it, the same in every attempt."""
        return f"msg_{self.message_id.hex}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (DeliveryState.WAITING, DeliveryState.SENDING)


class Delivery(TenantModel):
    """An event on its way to one endpoint. `attempts` were made in all, of which `failures` since it was sent, or
    sent again. `lease` is that of the sender that has it until `leased_until`, when another may."""

    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    session_id = models.TextField(blank=True)  # the event's
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    next_at = models.DateTimeField()
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="one_delivery_per_endpoint"),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=models.Q(state=DeliveryState.WAITING),
                name="deliveries_waiting",
            ),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state=DeliveryState.SENDING),
                name="deliveries_sending",
            ),
            models.Index(
                fields=["endpoint", "session_id", "event"],
                condition=models.Q(state__in=OPEN),
                name="deliveries_in_line",
            ),
            models.Index(fields=["tenant", "-created_at", "-id"], name="deliveries_by_time"),
            models.Index(fields=["tenant", "session_id"], name="deliveries_by_session"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class Attempt(TenantModel):
    """One POST of a delivery and what came of it. `status` is None if there was no answer, `error` empty if it got
    through. Of the answer's body the beginning is kept."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    request_headers = models.JSONField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_body = models.TextField(blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="one_row_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery}"
