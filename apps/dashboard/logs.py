"""What went wrong, by kind: in sessions, in tools, and in requests that sessions made to models."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.conversations.problems import problem_groups, problem_text
from apps.conversations.selectors import problem_list
from apps.dashboard.paging import page_of
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership

_DAYS = 30


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    since = timezone.now() - timedelta(days=_DAYS)
    kind, code = request.GET.get("type", ""), request.GET.get("code", "")
    found = problem_list(since=since, type=kind or None, code=code or None)
    page = page_of(found, by="at", cursor=request.GET.get("cursor", ""))
    context = {
        "groups": problem_groups(since=since),
        "page": page,
        "rows": [(event, problem_text(event.body)) for event in page.rows],
        "type": kind,
        "code": code,
        "days": _DAYS,
    }
    return render(request, "dashboard/logs/page.html", context)
