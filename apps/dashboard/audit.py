"""What was changed in the tenant, by whom."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.audit.models import AuditEvent
from apps.audit.selectors import Position, audit_list
from apps.core.spreadsheets import csv_lines
from apps.core.tenancy import tenant_context
from apps.dashboard.forms.audit import AuditFilter
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

EVENTS_ON_A_PAGE = 50
EVENTS_AT_ONCE = 500

_COLUMNS = (
    "at",
    "actor_kind",
    "actor_label",
    "on_behalf_of",
    "address",
    "action",
    "target_kind",
    "target_id",
    "target_label",
    "before",
    "after",
    "request_id",
)


@require_safe
@tenant_page(May.READ_AUDIT)
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = AuditFilter(request.GET)
    after = Position.parse(request.GET.get("after", ""))
    found = list(audit_list(**form.wanted(), after=after)[: EVENTS_ON_A_PAGE + 1])
    events, more = found[:EVENTS_ON_A_PAGE], len(found) > EVENTS_ON_A_PAGE
    filters = {name: value for name, value in request.GET.items() if name in form.fields and value}
    context = {
        "membership": membership,
        "form": form,
        "filtered": bool(filters),
        "query": urlencode(filters),
        "events": events,
        "newest": "?" + urlencode(filters) if after else "",
        "older": "?" + urlencode({**filters, "after": str(Position.of(events[-1]))}) if more else "",
    }
    return render(request, "dashboard/audit/page.html", context)


@require_safe
@tenant_page(May.READ_AUDIT)
def export(request: HttpRequest, membership: PersonalMembership) -> StreamingHttpResponse:
    wanted = AuditFilter(request.GET).wanted()
    response = StreamingHttpResponse(_lines(membership.tenant_id, wanted), content_type="text/csv")
    response["content-disposition"] = f'attachment; filename="audit-{membership.tenant_slug}.csv"'
    return response


async def _lines(tenant_id: uuid.UUID, wanted: dict[str, Any]) -> AsyncIterator[str]:
    """In chunks, since a log can be long; each is read by itself, after the view has returned."""
    read = database_sync_to_async(_chunk, thread_sensitive=False)
    yield csv_lines([_COLUMNS])
    after: Position | None = None
    while events := await read(tenant_id, wanted, after):
        yield csv_lines([[_cell(getattr(event, name)) for name in _COLUMNS] for event in events])
        after = Position.of(events[-1])


def _chunk(tenant_id: uuid.UUID, wanted: dict[str, Any], after: Position | None) -> list[AuditEvent]:
    with tenant_context(tenant_id):
        return list(audit_list(**wanted, after=after)[:EVENTS_AT_ONCE])


def _cell(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, dict) else str(value)
