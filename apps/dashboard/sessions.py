"""The list of a tenant's sessions."""

import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.conversations.live import running_sessions
from apps.conversations.models import RealtimeSession
from apps.conversations.selectors import Piece, session_list, snippets
from apps.dashboard.columns import COLUMNS, COOKIE, columns_of, rows_of
from apps.dashboard.exporting import session_csv
from apps.dashboard.forms.sessions import SessionFilterForm
from apps.dashboard.paging import page_of
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership

_YEAR = 365 * 24 * 3600


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = SessionFilterForm(request.GET)
    form.is_valid()
    cursor = request.GET.get("cursor", "")
    found = session_list(**form.asked, is_open=form.status_asked == "running").select_related(
        "api_key", "agent_version__agent", "insights"
    )
    shows_running = form.status_asked == "" and not cursor
    page, shown = page_of(found, by="started_at", cursor=cursor), columns_of(request)
    context = {
        "form": form,
        "page": page,
        "rows": rows_of(page.rows, shown, said=_said(form, page.rows)),
        "running": running_sessions(form.asked) if shows_running else None,
        "columns": shown,
        "all_columns": COLUMNS,
    }
    return render(request, "dashboard/sessions/list.html", context)


def _said(form: SessionFilterForm, rows: Sequence[RealtimeSession]) -> Mapping[uuid.UUID, Sequence[Piece]]:
    text = form.asked["text"]
    return snippets(rows, text=text) if text and rows else {}


@require_safe
@tenant_page()
def running(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """The rows at the top of the list, for the page to bring up to date."""
    form = SessionFilterForm(request.GET)
    form.is_valid()
    context = {"form": form, "running": running_sessions(form.asked)}
    return render(request, "dashboard/sessions/running.html", context)


@require_POST
@tenant_page()
def columns(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    chosen = [column.name for column in COLUMNS if column.name in request.POST.getlist("columns")]
    query = urlsplit(request.headers.get("referer", "")).query
    response = redirect(f"{reverse('sessions', args=[membership.tenant_slug])}?{query}".rstrip("?"))
    response.set_cookie(COOKIE, ".".join(chosen), max_age=_YEAR, samesite="Lax", httponly=True)
    return response


@require_safe
@tenant_page()
def export(request: HttpRequest, membership: PersonalMembership) -> StreamingHttpResponse:
    """All sessions that the filter finds, not only those of the page."""
    form = SessionFilterForm(request.GET)
    form.is_valid()
    is_open = {"running": True, "ended": False}.get(form.status_asked)
    found = session_list(**form.asked, is_open=is_open)
    response = StreamingHttpResponse(session_csv(found, membership.tenant_id), content_type="text/csv")
    response["content-disposition"] = f'attachment; filename="sessions-{membership.tenant_slug}.csv"'
    return response
