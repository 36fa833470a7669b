"""What people do with deliveries: send one again, or a test."""

import uuid

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit import services as audit
from apps.core.tenancy import atomic, on_commit
from apps.webhooks.models import OPEN, Delivery, DeliveryState, Endpoint, WebhookEvent
from apps.webhooks.sending import Claimed, Signing, claimed_of, new_lease, send_claimed
from apps.webhooks.services import senders_nudge
from apps.webhooks.types import TYPES


@atomic()
def delivery_resend(*, delivery: Delivery) -> Delivery:
    """Sends it again under the same id, however it ended, and tries for three days. One that waits is tried now.
    Raises ValidationError while it is being sent, or if its endpoint is disabled."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=delivery.endpoint_id)
    delivery = Delivery.objects.select_related("event").get(id=delivery.id)
    if not endpoint.is_enabled:
        raise ValidationError("The endpoint is disabled: enable it first.")
    if delivery.state == DeliveryState.SENDING:
        raise ValidationError("It is being sent right now.")
    if delivery.event.is_test:
        raise ValidationError("A test is sent once: send another one.")
    delivery.state, delivery.next_at = DeliveryState.WAITING, timezone.now()
    delivery.failures, delivery.finished_at = 0, None
    delivery.save()
    audit.record(action="webhook.resent", target=endpoint, after={"event": str(delivery.event)})
    on_commit(senders_nudge)
    return delivery


def endpoint_test(*, endpoint: Endpoint, type: str) -> Delivery:
    """Sends a sample of this type, once and now, also to one that is disabled or does not want the type. Blocks
    until it is answered. Raises ValidationError for an unknown type."""
    claimed = _test_claim(endpoint, type)
    send_claimed(claimed)
    return Delivery.objects.get(id=claimed.delivery_id)


@atomic()
def _test_claim(endpoint: Endpoint, type: str) -> Claimed:
    if type not in TYPES:
        raise ValidationError({"type": f"There are no events of the type {type!r}."})
    now = timezone.now()
    event = WebhookEvent.objects.create(
        type=type, data={**TYPES[type].sample, "test": True}, key=f"test:{uuid.uuid4()}", at=now, is_test=True
    )
    delivery = Delivery.objects.create(
        event=event, endpoint=endpoint, next_at=now, attempts=1, **new_lease(now)
    )
    audit.record(action="webhook.tested", target=endpoint, after={"type": type})
    return claimed_of(delivery, event, endpoint, Signing.of(endpoint, now), now)


def is_resendable(delivery: Delivery) -> bool:
    return not delivery.event.is_test and (delivery.state not in OPEN or bool(delivery.failures))
