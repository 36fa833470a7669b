"""Who is talking now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.conversations.live import running_sessions
from apps.conversations.selectors import last_words
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """htmx gets the part of the page that changes."""
    sessions = running_sessions()
    words = last_words(sessions)
    rows = [{"session": session, "words": words.get(session.id, "")} for session in sessions]
    template = "rows" if request.htmx else "page"  # type: ignore[attr-defined]
    return render(request, f"dashboard/live/{template}.html", {"rows": rows})
