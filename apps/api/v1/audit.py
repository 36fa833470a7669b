import uuid
from datetime import datetime
from typing import Any

from ninja import Query, Schema
from pydantic import Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.types import Moment
from apps.audit.acting import ActorKind
from apps.audit.selectors import audit_list
from apps.keys.models import Scope

area = Area("Audit log")


class AuditEventOut(Schema):
    """What somebody changed in the workspace."""

    id: uuid.UUID
    at: datetime
    action: str = Field(examples=["api_key.created"])
    actor_kind: ActorKind
    actor_id: uuid.UUID | None
    actor_label: str = Field(examples=["alice@example.com"])
    on_behalf_of: str = Field(description="Whom staff acted as; empty: nobody.")
    address: str | None = Field(description="The IP address of the actor.")
    request_id: str
    target_kind: str = Field(examples=["API key"])
    target_id: str
    target_label: str = Field(examples=["Phone line"])
    before: dict[str, Any] | None = Field(description="The fields that changed, as they were.")
    after: dict[str, Any] | None = Field(description="The same, as they became.")


class AuditPage(Page[AuditEventOut]):
    pass


class AuditQuery(PageQuery):
    action: str | None = Field(None, max_length=60, description="Only this action.")
    target_id: str | None = Field(None, max_length=64, description="Only what was done to this.")
    since: Moment | None = Field(None, description="Only from then on.")
    before: Moment | None = Field(None, description="Only earlier ones.")


@area.operation("GET", "/audit-events", "audit_events_list", scope=Scope.AUDIT_READ, response=AuditPage)
def list_events(request: ApiRequest, query: Query[AuditQuery]) -> Any:
    """List what was changed, the latest first."""
    wanted = {
        "action": query.action,
        "target_id": query.target_id,
        "at__gte": query.since,
        "at__lt": query.before,
    }
    events = audit_list().filter(**{name: value for name, value in wanted.items() if value is not None})
    return page_of(events, query, by="at")
