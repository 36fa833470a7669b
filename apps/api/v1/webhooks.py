import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.keys.models import Scope
from apps.webhooks.deliveries import delivery_resend, endpoint_test
from apps.webhooks.endpoints import (
    CreatedEndpoint,
    endpoint_create,
    endpoint_delete,
    endpoint_disable,
    endpoint_enable,
    endpoint_secret_rotate,
    endpoint_update,
)
from apps.webhooks.messages import body_of
from apps.webhooks.models import Attempt, Delivery, DeliveryState, Endpoint
from apps.webhooks.selectors import attempts_of, delivery_find, delivery_list, endpoint_find, endpoint_list

area = Area("Webhooks")

Address = Annotated[str, Field(min_length=1, max_length=500, examples=["https://example.com/webhooks"])]
Description = Annotated[str, Field(max_length=200)]
EventName = Annotated[str, Field(max_length=40, examples=["session.ended"])]
Events = Annotated[list[EventName], Field(max_length=50, description="Of these types only; empty: all.")]


class EndpointOut(Schema):
    """An address that is told of what happens."""

    id: uuid.UUID
    url: str
    description: str
    events: list[str]
    is_enabled: bool
    disabled_at: datetime | None
    disabled_reason: str = Field(description="Empty if a member disabled it.")
    failing_since: datetime | None = Field(description="Nothing got through since; null: the last one did.")
    created_at: datetime
    updated_at: datetime


class EndpointPage(Page[EndpointOut]):
    pass


class CreatedEndpointOut(Schema):
    endpoint: EndpointOut
    signing_secret: str = Field(description="With which deliveries are signed.", examples=["whsec_..."])


class EndpointSecretOut(Schema):
    signing_secret: str = Field(examples=["whsec_..."])


class NewEndpoint(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Address
    description: Description = ""
    events: Events = []


class EndpointChanges(BaseModel):
    """What is absent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    url: Address = ""
    description: Description = ""
    events: Events = []
    is_enabled: bool = Field(True, description="What waits for one that is disabled is cancelled.")


class EndpointSecretRotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(24, ge=0, le=720, description="How long the old secret signs too.")


class EndpointTest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: EventName = Field(description="Of which a sample is sent.")


class DeliveryOut(Schema):
    """An event on its way to one endpoint."""

    id: uuid.UUID
    endpoint_id: uuid.UUID
    webhook_id: str = Field(description="As the receiver sees it, the same in every attempt.")
    type: str
    session_id: str = Field(description="Empty for what belongs to no session.")
    is_test: bool
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_error: str
    next_at: datetime | None = Field(description="When it is tried next; null: it is not.")
    created_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_webhook_id(delivery: Delivery) -> str:
        return delivery.event.webhook_id

    @staticmethod
    def resolve_type(delivery: Delivery) -> str:
        return delivery.event.type

    @staticmethod
    def resolve_is_test(delivery: Delivery) -> bool:
        return delivery.event.is_test

    @staticmethod
    def resolve_next_at(delivery: Delivery) -> datetime | None:
        return delivery.next_at if delivery.state == DeliveryState.WAITING else None


class DeliveryPage(Page[DeliveryOut]):
    pass


class AttemptOut(Schema):
    number: int
    at: datetime
    duration_ms: int
    request_headers: dict[str, str]
    status: int | None = Field(description="Null: there was no answer.")
    response_body: str = Field(description="Its beginning.")
    error: str = Field(description="Empty if it got through.")


class DeliveryDetails(DeliveryOut):
    body: dict[str, Any] = Field(description="As it is sent.")
    attempt_list: list[AttemptOut] = Field(description="The latest first.")

    @staticmethod
    def resolve_body(delivery: Delivery) -> Any:
        return msgspec.json.decode(body_of(delivery.event))

    @staticmethod
    def resolve_attempt_list(delivery: Delivery) -> list[Attempt]:
        return list(attempts_of(delivery))


class DeliveryQuery(PageQuery):
    endpoint_id: uuid.UUID | None = None
    type: EventName | None = None
    state: DeliveryState | None = None
    session_id: str | None = Field(None, max_length=64)


@area.operation("GET", "/webhooks", "webhooks_list", scope=Scope.WEBHOOKS_READ, response=EndpointPage)
def list_endpoints(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List endpoints, the oldest first."""
    return page_of(endpoint_list(), query, by="created_at", newest_first=False)


@area.operation(
    "POST",
    "/webhooks",
    "webhooks_create",
    scope=Scope.WEBHOOKS_WRITE,
    response=CreatedEndpointOut,
    status=201,
)
def create(request: ApiRequest, body: NewEndpoint) -> CreatedEndpoint:
    """Add an endpoint."""
    return endpoint_create(**body.model_dump())


@area.operation(
    "GET", "/webhooks/{uuid:endpoint_id}", "webhooks_get", scope=Scope.WEBHOOKS_READ, response=EndpointOut
)
def get(request: ApiRequest, endpoint_id: uuid.UUID) -> Endpoint:
    """Show an endpoint."""
    return _endpoint(endpoint_id)


@area.operation(
    "PATCH",
    "/webhooks/{uuid:endpoint_id}",
    "webhooks_update",
    scope=Scope.WEBHOOKS_WRITE,
    response=EndpointOut,
)
def update(request: ApiRequest, endpoint_id: uuid.UUID, body: EndpointChanges) -> Endpoint:
    """Change an endpoint.

    What waits goes to the new address.
    """
    endpoint = _endpoint(endpoint_id)
    given = body.model_dump(exclude_unset=True)
    is_enabled = given.pop("is_enabled", endpoint.is_enabled)
    if given:
        as_it_is = {name: getattr(endpoint, name) for name in ("url", "description", "events")}
        endpoint = endpoint_update(endpoint=endpoint, **(as_it_is | given))
    return endpoint_enable(endpoint=endpoint) if is_enabled else endpoint_disable(endpoint=endpoint)


@area.operation(
    "DELETE",
    "/webhooks/{uuid:endpoint_id}",
    "webhooks_delete",
    scope=Scope.WEBHOOKS_WRITE,
    response=None,
    status=204,
)
def delete(request: ApiRequest, endpoint_id: uuid.UUID) -> None:
    """Delete an endpoint, with its deliveries."""
    endpoint_delete(endpoint=_endpoint(endpoint_id))


@area.operation(
    "POST",
    "/webhooks/{uuid:endpoint_id}/rotate-secret",
    "webhooks_rotate_secret",
    scope=Scope.WEBHOOKS_WRITE,
    response=EndpointSecretOut,
)
def rotate_secret(request: ApiRequest, endpoint_id: uuid.UUID, body: EndpointSecretRotation) -> Any:
    """Replace the secret with which deliveries are signed."""
    overlap = timedelta(hours=body.overlap_hours)
    return {"signing_secret": endpoint_secret_rotate(endpoint=_endpoint(endpoint_id), overlap=overlap)}


@area.operation(
    "POST",
    "/webhooks/{uuid:endpoint_id}/test",
    "webhooks_test",
    scope=Scope.WEBHOOKS_WRITE,
    response=DeliveryDetails,
)
def test(request: ApiRequest, endpoint_id: uuid.UUID, body: EndpointTest) -> Delivery:
    """Send a sample to an endpoint, once, and wait for what it answers."""
    sent = endpoint_test(endpoint=_endpoint(endpoint_id), type=body.type)
    return _delivery(sent.id)


@area.operation(
    "GET",
    "/webhooks/deliveries",
    "webhooks_deliveries",
    scope=Scope.WEBHOOKS_READ,
    response=DeliveryPage,
)
def list_deliveries(request: ApiRequest, query: Query[DeliveryQuery]) -> Any:
    """List the deliveries of the last 30 days, the newest first."""
    found = delivery_list(
        endpoint_id=query.endpoint_id,
        types=[query.type] if query.type is not None else None,
        states=[query.state] if query.state is not None else None,
        session_id=query.session_id,
    )
    return page_of(found, query, by="created_at")


@area.operation(
    "GET",
    "/webhooks/deliveries/{uuid:delivery_id}",
    "webhooks_delivery",
    scope=Scope.WEBHOOKS_READ,
    response=DeliveryDetails,
)
def get_delivery(request: ApiRequest, delivery_id: uuid.UUID) -> Delivery:
    """Show a delivery, with its body and every attempt."""
    return _delivery(delivery_id)


@area.operation(
    "POST",
    "/webhooks/deliveries/{uuid:delivery_id}/resend",
    "webhooks_resend",
    scope=Scope.WEBHOOKS_WRITE,
    response=DeliveryOut,
)
def resend(request: ApiRequest, delivery_id: uuid.UUID) -> Delivery:
    """Send a delivery again, under the same id."""
    return delivery_resend(delivery=_delivery(delivery_id))


def _endpoint(endpoint_id: uuid.UUID) -> Endpoint:
    """Raises Problem."""
    endpoint = endpoint_find(endpoint_id)
    if endpoint is None:
        raise not_found("endpoint")
    return endpoint


def _delivery(delivery_id: uuid.UUID) -> Delivery:
    """Raises Problem."""
    delivery = delivery_find(delivery_id)
    if delivery is None:
        raise not_found("delivery")
    return delivery
