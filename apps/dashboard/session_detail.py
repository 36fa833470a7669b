"""One session: what it was, what was said, where its time and its money went, and all its events."""

import json
from itertools import islice

import msgspec
from csp.constants import NONCE
from csp.decorators import csp_update
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.conversations import costs, latencies
from apps.conversations.live import session_end
from apps.conversations.models import PROBLEMS, Direction, RealtimeSession
from apps.conversations.problems import problem_text
from apps.conversations.selectors import session_events, session_find
from apps.dashboard.exporting import session_facts, session_json
from apps.dashboard.recordings import player_of
from apps.dashboard.session_insights import came_of
from apps.dashboard.session_lines import lines_of
from apps.dashboard.waterfall import waterfall_of
from apps.privacy.erasing import session_delete
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.transcripts import presenting
from apps.transcripts.selectors import entries_of
from apps.usage.filtering import UsageFilter
from apps.usage.lines import line_list

_TABS = {
    "summary": ("Summary", "session"),
    "transcript": ("Transcript", "session-transcript"),
    "latency": ("Latency", "session-latency"),
    "cost": ("Cost", "session-cost"),
    "events": ("Events", "session-events"),
    "raw": ("Raw", "session-raw"),
}
_EVENTS_READ = 5000  # at most, for one page
_EVENTS_SHOWN = 100


@require_safe
@tenant_page()
def summary(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    problems = islice(session_events(session, types=PROBLEMS), 20)
    found = [(event, problem_text(event.body)) for event in problems]
    return _render(request, session, "summary", problems=found, came=came_of(session))


@require_safe
@csp_update({"style-src": [NONCE]})  # the player's library has a style sheet of its own
@tenant_page()
def transcript(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    lines = lines_of(entries_of(session), began=session.started_at)
    return _render(request, session, "transcript", lines=lines, player=player_of(session, membership))


@require_safe
@tenant_page()
def transcript_text(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    told = presenting.document(_session(session_id))
    return _file(presenting.as_text(told), "text/plain; charset=utf-8", f"{told['session_id']}.txt")


@require_safe
@tenant_page()
def transcript_json(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    told = presenting.document(_session(session_id))
    document = msgspec.json.format(msgspec.json.encode(told))
    return _file(document, "application/json", f"{told['session_id']}-transcript.json")


@require_safe
@tenant_page()
def latency(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    turns = latencies.turns_of(islice(session_events(session, types=latencies.TYPES), _EVENTS_READ))
    return _render(
        request,
        session,
        "latency",
        waterfall=waterfall_of(turns),
        spreads=latencies.spreads_of(turns),
        interrupted=sum(turn.interrupted for turn in turns),
    )


@require_safe
@tenant_page()
def cost(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    used = line_list(UsageFilter(), session_id=session.session_id).order_by("id")
    parts = costs.costs_of(used.iterator())
    return _render(request, session, "cost", parts=parts, total=sum(part.price_micro for part in parts))


@require_safe
@tenant_page()
def events(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    direction, kind = request.GET.get("direction", ""), request.GET.get("type", "").strip()
    after = request.GET.get("after", "")
    found = session.events.filter(seq__gt=int(after) if after.isdecimal() else -1).order_by("seq")
    if direction in Direction.values:
        found = found.filter(direction=direction)
    if kind:
        found = found.filter(type__contains=kind)
    rows = list(found[: _EVENTS_SHOWN + 1])
    shown = [
        {
            "event": event,
            "ms": round((event.at - session.started_at).total_seconds() * 1000),
            "body": msgspec.json.format(msgspec.json.encode(event.body)).decode(),
        }
        for event in rows[:_EVENTS_SHOWN]
    ]
    more = rows[_EVENTS_SHOWN - 1].seq if len(rows) > _EVENTS_SHOWN else None
    return _render(
        request,
        session,
        "events",
        rows=shown,
        after_more=more,
        is_first=not after,
        direction=direction,
        directions=Direction.choices,
        type=kind,
    )


@require_safe
@tenant_page()
def raw(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    session = _session(session_id)
    begun = next(session_events(session, types=("session.created",)), None)
    facts = session_facts(session) | {"configuration": begun.body["session"] if begun else None}
    return _render(request, session, "raw", json=msgspec.json.format(msgspec.json.encode(facts)).decode())


@require_safe
@tenant_page()
def download(request: HttpRequest, membership: PersonalMembership, session_id: str) -> StreamingHttpResponse:
    session = _session(session_id)
    response = StreamingHttpResponse(
        session_json(session, membership.tenant_id), content_type="application/json"
    )
    response["content-disposition"] = f'attachment; filename="{session.session_id}.json"'
    return response


@require_POST
@tenant_page(May.DELETE_SESSIONS)
def delete(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    try:
        session_delete(session=_session(session_id))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("session", membership.tenant_slug, session_id)
    messages.success(request, "The session is deleted, with its log and all that was said in it.")
    return redirect("sessions", membership.tenant_slug)


@require_POST
@tenant_page(May.END_SESSIONS)
def end(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    """htmx gets a toast: the list brings itself up to date."""
    try:
        session_end(session=_session(session_id))
        told = {"text": "The session is ended."}
    except ValidationError as error:
        told = {"text": " ".join(error.messages), "kind": "error"}
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"toast": told})})
    messages.info(request, told["text"])
    return redirect("session", membership.tenant_slug, session_id)


def _file(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)


def _session(session_id: str) -> RealtimeSession:
    session = session_find(session_id)
    if session is None:
        raise Http404("No such session.")
    return session


def _render(request: HttpRequest, session: RealtimeSession, tab: str, **context: object) -> HttpResponse:
    where = [request.membership.tenant_slug, session.session_id]  # type: ignore[attr-defined]
    tabs = [(label, reverse(url_name, args=where), name == tab) for name, (label, url_name) in _TABS.items()]
    return render(request, f"dashboard/sessions/{tab}.html", {"session": session, "tabs": tabs, **context})
