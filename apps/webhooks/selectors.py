import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.webhooks.models import Attempt, Delivery, DeliveryState, Endpoint, EndpointSecret

RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Health:
    """What came of an endpoint's latest deliveries."""

    delivered: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def percent(self) -> int | None:
        """That got through, of those that are over; None if there are none. Only all of them are 100."""
        over = self.delivered + self.failed
        return self.delivered * 100 // over if over else None


def endpoint_list() -> QuerySet[Endpoint]:
    """The current tenant's, the oldest first."""
    return Endpoint.objects.all()


def endpoint_find(endpoint_id: uuid.UUID) -> Endpoint | None:
    return Endpoint.objects.filter(id=endpoint_id).first()


def active_secrets(endpoint: Endpoint, now: datetime | None = None) -> list[EndpointSecret]:
    """What its deliveries are signed with now, the newest first."""
    now = now or timezone.now()
    return [row for row in endpoint.secrets.all() if row.expires_at is None or row.expires_at > now]


def health_of_endpoints(now: datetime | None = None) -> Mapping[uuid.UUID, Health]:
    """By the endpoint's id, of the last 7 days; tests don't count. One that was sent nothing is missing."""
    since = (now or timezone.now()) - RECENT
    rows = (
        Delivery.objects.filter(created_at__gte=since, event__is_test=False)
        .order_by()
        .values_list("endpoint_id")
        .annotate(
            delivered=Count("id", filter=Q(state=DeliveryState.DELIVERED)),
            failed=Count("id", filter=Q(state__in=[DeliveryState.FAILED, DeliveryState.CANCELLED])),
            waiting=Count("id", filter=Q(state__in=[DeliveryState.WAITING, DeliveryState.SENDING])),
        )
    )
    return {endpoint_id: Health(*counts) for endpoint_id, *counts in rows}


def disabled_endpoints() -> list[Endpoint]:
    """Those that were disabled because nothing got through: somebody should look at them."""
    return list(Endpoint.objects.filter(is_enabled=False).exclude(disabled_reason=""))


def delivery_list(
    *,
    endpoint_id: uuid.UUID | None = None,
    types: Collection[str] | None = None,
    states: Collection[str] | None = None,
    session_id: str | None = None,
) -> QuerySet[Delivery]:
    """The current tenant's, the newest first, with their events and endpoints."""
    found = Delivery.objects.select_related("event", "endpoint")
    if endpoint_id is not None:
        found = found.filter(endpoint_id=endpoint_id)
    if types is not None:
        found = found.filter(event__type__in=types)
    if states is not None:
        found = found.filter(state__in=states)
    return found if session_id is None else found.filter(session_id=session_id)


def delivery_find(delivery_id: uuid.UUID) -> Delivery | None:
    return delivery_list().filter(id=delivery_id).first()


def attempts_of(delivery: Delivery) -> QuerySet[Attempt]:
    """The latest first."""
    return Attempt.objects.filter(delivery=delivery)
