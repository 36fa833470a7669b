import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import FieldError, invalid, not_found
from apps.api.v1.types import Moment, Name
from apps.customers.selectors import customer_get
from apps.keys.models import ApiKey, Environment, Scope
from apps.keys.selectors import api_key_list
from apps.keys.services import CreatedKey, api_key_create, api_key_revoke, api_key_rotate, api_key_update

area = Area("API keys")

Scopes = Annotated[
    list[Scope],
    Field(min_length=1, description="What the key may do; nothing that the calling key may not."),
]
Addresses = Annotated[
    list[Annotated[str, Field(max_length=50)]],
    Field(
        max_length=100,
        description="Addresses and networks from which alone the key is taken; empty: all.",
        examples=[["203.0.113.0/24"]],
    ),
]
Origins = Annotated[
    list[Annotated[str, Field(max_length=270)]],
    Field(
        max_length=100,
        description="Origins whose pages alone may use the key and client secrets made with it; empty: all.",
        examples=[["https://app.example.com"]],
    ),
]
OwnLimit = Annotated[
    int,
    Field(
        ge=1,
        le=2**31 - 1,
        description="Of its sessions, and of those of client secrets made with it, together.",
    ),
]


class Key(Schema):
    """An API key, without its text."""

    id: uuid.UUID
    name: str = Field(examples=["Phone line"])
    masked: str = Field(description="How to recognise it.", examples=["sk_live_5dO2mK9qPz1L_…x7Qa"])
    environment: Environment
    realtime_only: bool = Field(description="It opens realtime sessions and never does anything else.")
    scopes: list[Scope]
    allowed_addresses: list[str]
    allowed_origins: list[str]
    sessions_limit: int | None = Field(description="At the same time; null: no limit of its own.")
    events_per_second_limit: int | None = Field(description="Client events; null: no limit of its own.")
    customer: str | None = Field(
        description="The external id of the customer on whose account its sessions are; null: of none."
    )
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    last_used_address: str | None

    @staticmethod
    def resolve_customer(key: ApiKey) -> str | None:
        return key.customer.external_id if key.customer else None

    @staticmethod
    def resolve_environment(key: ApiKey) -> str:
        return key.environment or Environment.LIVE


class KeyPage(Page[Key]):
    pass


class CreatedApiKey(Schema):
    """A new key, and the only time that its text is shown."""

    key: Key
    text: str = Field(description="What clients send. Keep it now.", examples=["sk_live_5dO2mK9qPz1L_..."])


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: Scopes
    environment: Environment = Environment.LIVE
    realtime_only: bool = Field(False, description="For good: it can't be changed later.")
    expires_at: Moment | None = None
    allowed_addresses: Addresses = []
    allowed_origins: Origins = []
    sessions_limit: OwnLimit | None = None
    events_per_second_limit: OwnLimit | None = None
    customer: str | None = Field(
        None,
        max_length=100,
        description="The external id of a customer on whose account its sessions are, for good.",
    )


class KeyChanges(BaseModel):
    """What is absent or null stays as it is; of the limits, what is absent: null takes them away."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    scopes: Scopes | None = None
    allowed_addresses: Addresses | None = None
    allowed_origins: Origins | None = None
    sessions_limit: OwnLimit | None = None
    events_per_second_limit: OwnLimit | None = None


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(24, ge=0, le=720, description="How long the old key still works.")


class KeyQuery(PageQuery):
    revoked: Literal["without", "only", "with"] = Field("without", description="Which keys are listed.")


@area.operation("GET", "/keys", "keys_list", scope=Scope.KEYS_READ, response=KeyPage)
def list_keys(request: ApiRequest, query: Query[KeyQuery]) -> Any:
    """List API keys, the newest first."""
    return page_of(api_key_list(revoked=query.revoked), query, by="created_at")


@area.operation("POST", "/keys", "keys_create", scope=Scope.KEYS_WRITE, response=CreatedApiKey, status=201)
def create(request: ApiRequest, body: NewKey) -> CreatedKey:
    """Make an API key."""
    given = body.model_dump()
    if (external_id := given.pop("customer")) is not None:
        given["customer"] = customer_get(external_id)
        if given["customer"] is None:
            raise invalid([FieldError(field="customer", message=f"There is no customer {external_id!r}.")])
    return api_key_create(**given, grantable=request.grant.scopes)


@area.operation("GET", "/keys/{uuid:key_id}", "keys_get", scope=Scope.KEYS_READ, response=Key)
def get(request: ApiRequest, key_id: uuid.UUID) -> ApiKey:
    """Show an API key."""
    return _find(key_id)


@area.operation("PATCH", "/keys/{uuid:key_id}", "keys_update", scope=Scope.KEYS_WRITE, response=Key)
def update(request: ApiRequest, key_id: uuid.UUID, body: KeyChanges) -> ApiKey:
    """Change an API key."""
    return api_key_update(
        key=_find(key_id), **body.model_dump(exclude_unset=True), grantable=request.grant.scopes
    )


@area.operation(
    "POST",
    "/keys/{uuid:key_id}/rotate",
    "keys_rotate",
    scope=Scope.KEYS_WRITE,
    response=CreatedApiKey,
    status=201,
)
def rotate(request: ApiRequest, key_id: uuid.UUID, body: Rotation) -> CreatedKey:
    """Replace an API key by another that may do the same.

    Both work until the overlap is over.
    """
    overlap = timedelta(hours=body.overlap_hours)
    return api_key_rotate(key=_find(key_id), overlap=overlap, grantable=request.grant.scopes)


@area.operation("POST", "/keys/{uuid:key_id}/revoke", "keys_revoke", scope=Scope.KEYS_WRITE, response=Key)
def revoke(request: ApiRequest, key_id: uuid.UUID) -> ApiKey:
    """Revoke an API key.

    It stops working at once, and sessions that were opened with it end within seconds.
    """
    key = _find(key_id)
    api_key_revoke(key=key)
    return key


def _find(key_id: uuid.UUID) -> ApiKey:
    """Raises Problem."""
    key = api_key_list(revoked="with").filter(id=key_id).first()
    if key is None:
        raise not_found("API key")
    return key
