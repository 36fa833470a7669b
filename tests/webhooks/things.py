import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.core.tenancy import tenant_context
from apps.webhooks.endpoints import endpoint_create
from apps.webhooks.models import Delivery, Endpoint
from apps.webhooks.sending import send_due
from apps.webhooks.services import event_publish
from tests.cast import Person


class Clock:
    """A clock that stands still until it is moved. It starts a little late, since rows are due as of now."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.now


def make_endpoint(person: Person, url: str, **fields: Any) -> Endpoint:
    with tenant_context(person.tenant.id):
        return endpoint_create(url=url, **fields).endpoint


def publish(person: Person, *, session_id: str = "", number: int = 0) -> None:
    """Without telling the workers, who in tests would begin at once."""
    with tenant_context(person.tenant.id):
        event_publish(
            type="report.ready", data={"number": number}, session_id=session_id, key=str(uuid.uuid4())
        )


def delivery_of(person: Person) -> Delivery:
    with tenant_context(person.tenant.id):
        return Delivery.objects.select_related("event", "endpoint").get()


def deliveries_of(person: Person) -> list[Delivery]:
    with tenant_context(person.tenant.id):
        return list(Delivery.objects.select_related("event", "endpoint").order_by("event_id"))


def send(clock: Clock) -> int:
    return send_due(now=clock)
