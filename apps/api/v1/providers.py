import uuid
from datetime import datetime
from typing import Annotated, Any, TypeVar

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.credentials.models import ProviderCredential, TenantProvider
from apps.credentials.selectors import credential_list, provider_list
from apps.credentials.services import (
    credential_check,
    credential_delete,
    credential_set,
    provider_delete,
    provider_put,
)
from apps.keys.models import Scope

area = Area("Providers")

Secret = Annotated[str, Field(max_length=4096, description="Kept encrypted, and never shown again.")]
Address = Annotated[str, Field(max_length=500, examples=["https://models.example.com/v1"])]

Row = TypeVar("Row", ProviderCredential, TenantProvider)


class Credential(Schema):
    """The workspace's own key for a known vendor."""

    provider: str = Field(examples=["groq"])
    masked: str = Field(description="How to recognise the key.", examples=["…x7Qa"])
    base_url: str
    label: str
    created_at: datetime
    last_checked_at: datetime | None
    check_error: str = Field(
        description="What the vendor said when the key was checked last; empty: it is right."
    )


class CredentialPage(Page[Credential]):
    pass


class NewCredential(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: Secret
    base_url: Address | Annotated[str, Field(max_length=0)] = Field(
        "", description="Only where every customer has an address, as with Azure OpenAI."
    )
    label: str = Field("", max_length=100)


class Server(Schema):
    """A server of the workspace's own. `slug` is the first part of its models' names."""

    id: uuid.UUID
    slug: str = Field(examples=["acme"])
    dialect: str = Field(description="The HTTP API that it speaks.", examples=["openai"])
    kinds: list[str] = Field(description="What its models do.", examples=[["llm", "stt"]])
    base_url: str
    masked: str = Field(description="How to recognise its key; empty: it has none.")
    created_at: datetime
    last_checked_at: datetime | None
    check_error: str


class ServerPage(Page[Server]):
    pass


class NewServer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dialect: str = Field(max_length=20, examples=["openai"])
    base_url: Address
    key: Secret = ""
    kinds: list[Annotated[str, Field(max_length=20)]] = Field(
        [], max_length=10, description="Empty: all that the dialect can."
    )


@area.operation(
    "GET",
    "/provider-credentials",
    "provider_credentials_list",
    scope=Scope.PROVIDERS_READ,
    response=CredentialPage,
)
def list_credentials(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List the workspace's keys for vendors."""
    return page_of(credential_list(), query, by="provider", newest_first=False)


@area.operation(
    "PUT",
    "/provider-credentials/{provider}",
    "provider_credentials_set",
    scope=Scope.PROVIDERS_WRITE,
    response=Credential,
)
def set_credential(request: ApiRequest, provider: str, body: NewCredential) -> ProviderCredential:
    """Set the key for a vendor, in place of one there may be.

    Sessions that begin from now on use it.
    """
    return credential_set(provider=provider, **body.model_dump())


@area.operation(
    "POST",
    "/provider-credentials/{provider}/check",
    "provider_credentials_check",
    scope=Scope.PROVIDERS_WRITE,
    response=Credential,
)
def check_credential(request: ApiRequest, provider: str) -> ProviderCredential:
    """Ask the vendor whether it takes the key.

    By one request that costs nothing; `check_error` says what is wrong.
    """
    return _checked(_credential(provider))


@area.operation(
    "DELETE",
    "/provider-credentials/{provider}",
    "provider_credentials_delete",
    scope=Scope.PROVIDERS_WRITE,
    response=None,
    status=204,
)
def delete_credential(request: ApiRequest, provider: str) -> None:
    """Delete the key for a vendor."""
    credential_delete(credential=_credential(provider))


@area.operation("GET", "/servers", "servers_list", scope=Scope.PROVIDERS_READ, response=ServerPage)
def list_servers(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List the workspace's own servers."""
    return page_of(provider_list(), query, by="slug", newest_first=False)


@area.operation("PUT", "/servers/{slug}", "servers_put", scope=Scope.PROVIDERS_WRITE, response=Server)
def put_server(request: ApiRequest, slug: str, body: NewServer) -> TenantProvider:
    """Add or replace a server of the workspace's own.

    A key belongs to the address it was given with: put again without one, the server has none.
    """
    return provider_put(slug=slug, **body.model_dump())


@area.operation(
    "POST", "/servers/{slug}/check", "servers_check", scope=Scope.PROVIDERS_WRITE, response=Server
)
def check_server(request: ApiRequest, slug: str) -> TenantProvider:
    """Ask a server whether it can be used."""
    return _checked(_server(slug))


@area.operation(
    "DELETE", "/servers/{slug}", "servers_delete", scope=Scope.PROVIDERS_WRITE, response=None, status=204
)
def delete_server(request: ApiRequest, slug: str) -> None:
    """Delete a server of the workspace's own."""
    provider_delete(provider=_server(slug))


def _checked(row: Row) -> Row:
    credential_check(row=row)
    return row


def _credential(provider: str) -> ProviderCredential:
    """Raises Problem."""
    row = credential_list().filter(provider=provider).first()
    if row is None:
        raise not_found("credential")
    return row


def _server(slug: str) -> TenantProvider:
    """Raises Problem."""
    row = provider_list().filter(slug=slug).first()
    if row is None:
        raise not_found("server")
    return row
