from datetime import datetime
from typing import Any

import msgspec
from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.keys.models import Scope
from apps.routers.models import Router, RouterKind
from apps.routers.selectors import router_list
from apps.routers.services import router_delete, router_put

area = Area("Routers")

_DEFINITION = Field(
    description="Its rules, as docs/routers.md has them.",
    examples=[{"models": ["groq/openai/gpt-oss-120b", "local/dialogue"]}],
)


class RouterOut(Schema):
    """Rules by which one of several models is asked: sessions name it `router/<name>`."""

    name: str = Field(examples=["main"])
    kind: RouterKind
    definition: dict[str, Any] = _DEFINITION
    version: int = Field(description="Counts the changes of the definition.")
    updated_at: datetime

    @staticmethod
    def resolve_definition(router: Router) -> Any:
        return msgspec.json.decode(router.definition)


class RouterPage(Page[RouterOut]):
    pass


class NewRouter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any] = _DEFINITION


@area.operation("GET", "/routers", "routers_list", scope=Scope.ROUTERS_READ, response=RouterPage)
def list_routers(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List routers."""
    return page_of(router_list(), query, by="name", newest_first=False)


@area.operation("GET", "/routers/{name}", "routers_get", scope=Scope.ROUTERS_READ, response=RouterOut)
def get(request: ApiRequest, name: str) -> Router:
    """Show a router."""
    return _find(name)


@area.operation("PUT", "/routers/{name}", "routers_put", scope=Scope.ROUTERS_WRITE, response=RouterOut)
def put(request: ApiRequest, name: str, body: NewRouter) -> Router:
    """Add or replace a router.

    Sessions that begin from now on use it.
    """
    return router_put(name=name, definition=msgspec.json.encode(body.definition))


@area.operation(
    "DELETE", "/routers/{name}", "routers_delete", scope=Scope.ROUTERS_WRITE, response=None, status=204
)
def delete(request: ApiRequest, name: str) -> None:
    """Delete a router."""
    router_delete(router=_find(name))


def _find(name: str) -> Router:
    """Raises Problem."""
    router = router_list().filter(name=name).first()
    if router is None:
        raise not_found("router")
    return router
