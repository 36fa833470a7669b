import uuid
from datetime import datetime
from typing import Any

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.keys.models import Scope
from apps.limits.models import Limit, LimitRequest, RequestState
from apps.limits.selectors import limit_request_list, limit_rows
from apps.limits.services import limit_request_create

area = Area("Limits")


class LimitOut(Schema):
    """How much of something the workspace may use."""

    limit: Limit
    value: int | None = Field(description="Null: no limit of its own; that of the workspace holds.")
    source: str = Field(description="`own`: granted to the workspace; `plan`; `platform`.", examples=["plan"])
    used: int | None = Field(description="Right now; null: not known, or counted by key or address.")


class AllLimits(Schema):
    data: list[LimitOut]


class LimitRequestOut(Schema):
    """That the workspace wants a limit raised, and the answer."""

    id: uuid.UUID
    limit: Limit
    wanted: int
    reason: str
    state: RequestState
    answer: str
    created_at: datetime
    answered_at: datetime | None


class LimitRequestPage(Page[LimitRequestOut]):
    pass


class NewLimitRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Limit
    wanted: int = Field(ge=1, le=2**31 - 1)
    reason: str = Field(
        min_length=1, max_length=2000, description="What for: whoever runs the platform reads it."
    )


@area.operation("GET", "/limits", "limits_list", scope=Scope.TENANT_READ, response=AllLimits)
def list_limits(request: ApiRequest) -> Any:
    """List the workspace's limits, where each comes from, and what of it is used right now."""
    return {"data": limit_rows(request.grant.tenant_id)}


@area.operation(
    "GET", "/limit-requests", "limit_requests_list", scope=Scope.TENANT_READ, response=LimitRequestPage
)
def list_requests(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List requests for higher limits, the newest first."""
    return page_of(limit_request_list(), query, by="created_at")


@area.operation(
    "POST",
    "/limit-requests",
    "limit_requests_create",
    scope=Scope.TENANT_WRITE,
    response=LimitRequestOut,
    status=201,
)
def create_request(request: ApiRequest, body: NewLimitRequest) -> LimitRequest:
    """Ask for a higher limit.

    Whoever runs the platform is told by mail.
    """
    return limit_request_create(limit=body.limit, wanted=body.wanted, reason=body.reason)
