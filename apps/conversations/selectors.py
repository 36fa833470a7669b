import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Count, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Now

from apps.agents.models import AgentVersion
from apps.conversations.models import (
    PROBLEMS,
    EndReason,
    RealtimeSession,
    SessionEvent,
    SessionKind,
    SessionText,
)
from apps.conversations.problems import with_code

_EVENTS_AT_ONCE = 1000
_OPENS, _CLOSES = "\ue000", "\ue001"  # private characters, which nobody says
_MARK = re.compile(f"[{_OPENS}{_CLOSES}]")
_FEW = 2000  # sessions that are found by their words and put in order
_MOST_LOOKED_AT = 100_000  # characters of a session's text
_WORDS = (
    "turn.transcribed",
    "conversation.item.input_audio_transcription.completed",
    "response.output_item.done",
    "conversation.item.done",
)


def session_list(
    *,
    model: str | None = None,
    agent_id: uuid.UUID | None = None,
    agent_version: int | None = None,
    kind: SessionKind | None = None,
    end_reason: EndReason | None = None,
    api_key_id: uuid.UUID | None = None,
    is_open: bool | None = None,
    started_from: datetime | None = None,
    started_before: datetime | None = None,
    shortest: timedelta | None = None,
    longest: timedelta | None = None,
    least_cost_micro: int | None = None,
    has_errors: bool | None = None,
    outcome: str | None = None,
    sentiment: str | None = None,
    language: str | None = None,
    text: str | None = None,
) -> QuerySet[RealtimeSession]:
    """The current tenant's sessions, the newest first; what is None is not asked for.

    `model` is how the name begins of what was asked for, or of the model of its agent's version; `outcome` and
    `sentiment` are those of apps.transcripts, `language` is one that was spoken (ISO 639-1). `text` is in the words
    of a web search ("a phrase", or, -not) and finds what was said in sessions that are over.
    """
    wanted = {
        "agent_version__agent_id": agent_id,
        "agent_version__number": agent_version,
        "kind": kind,
        "end_reason": end_reason,
        "api_key_id": api_key_id,
        "ended_at__isnull": is_open,
        "started_at__gte": started_from,
        "started_at__lt": started_before,
        "duration__gte": shortest,
        "duration__lte": longest,
        "cost_micro__gte": least_cost_micro,
        "insights__outcome": outcome,
        "insights__sentiment": sentiment,
        "transcript__languages__contains": None if language is None else [language],
    }
    found = RealtimeSession.objects.alias(duration=Coalesce("ended_at", Now()) - F("started_at")).filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    if model is not None:
        versions = AgentVersion.objects.filter(spec__model__name__startswith=model).order_by()
        named = Q(model__startswith=model) | Q(agent_version_id__in=versions.values("id"))
        found = found.filter(named)
    if has_errors is not None:
        found = found.filter(errors__gt=0) if has_errors else found.filter(errors=0)
    return _that_say(text, found) if text else found


def _that_say(text: str, found: QuerySet[RealtimeSession]) -> QuerySet[RealtimeSession]:
    """Few are looked up by their words. Where many say it, the newest that do are soon found by reading, which the
    planner can't know: the scalar subquery leaves it no other way."""
    if not _do_many_say(text):
        return found.filter(id__in=RawSQL("SELECT session_search(%s)", [text]))
    said = SessionText.objects.filter(session=OuterRef("pk")).annotate(
        says=RawSQL("words @@ websearch_to_tsquery('simple', %s)", [text], BooleanField())
    )
    return found.alias(says=Subquery(said.values("says"))).filter(says=True)


def _do_many_say(text: str) -> bool:
    some = RawSQL("SELECT session_search(%s) LIMIT %s", [text, _FEW + 1])
    return RealtimeSession.objects.filter(id__in=some).order_by().count() > _FEW


Piece = tuple[str, bool]
"""Of a text: and whether it is what was looked for."""


def snippets(sessions: Collection[RealtimeSession], *, text: str) -> Mapping[uuid.UUID, Sequence[Piece]]:
    """Where these sessions say what `session_list` found them by; nothing of those that don't say it."""
    options = (
        f"StartSel={_OPENS}, StopSel={_CLOSES}, MaxFragments=2, MaxWords=18, MinWords=8, "
        'FragmentDelimiter=" … "'
    )
    headline = RawSQL(
        "ts_headline('simple', left(text, %s), websearch_to_tsquery('simple', %s), %s)",
        [_MOST_LOOKED_AT, text, options],
    )
    found = SessionText.objects.filter(session__in=sessions).annotate(headline=headline)
    rows = found.values_list("session_id", "headline")
    return {session_id: list(_pieces(marked)) for session_id, marked in rows if _OPENS in marked}


def _pieces(marked: str) -> Iterator[Piece]:
    for number, piece in enumerate(_MARK.split(" ".join(marked.split()))):
        if piece:
            yield piece, number % 2 == 1


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """When an agent's last session began, and how many there were on each of the last days, the oldest first."""

    last: datetime
    by_day: Sequence[int]


def agent_activity(*, days: int = 7) -> Mapping[uuid.UUID, AgentActivity]:
    """Of the current tenant's published agents that ever had a session. Days are those of UTC, today the last."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [today - timedelta(days=days - 1 - day) for day in range(days)]
    counts = {
        f"day_{day}": Count("id", filter=Q(started_at__gte=start, started_at__lt=start + timedelta(days=1)))
        for day, start in enumerate(starts)
    }
    rows: QuerySet[Any, Any] = (
        RealtimeSession.objects.filter(agent_version__isnull=False)
        .order_by()
        .values("agent_version__agent_id")
        .annotate(last=Max("started_at"), **counts)
    )
    return {
        row["agent_version__agent_id"]: AgentActivity(row["last"], [row[name] for name in counts])
        for row in rows
    }


def session_find(session_id: str) -> RealtimeSession | None:
    """By the session's id in the protocol, or that of its call."""
    if not session_id:
        return None
    return RealtimeSession.objects.filter(Q(session_id=session_id) | Q(call_id=session_id)).first()


def session_events(
    session: RealtimeSession, *, after: int = -1, types: Collection[str] | None = None
) -> Iterator[SessionEvent]:
    """The log of a session in order, from the event after number `after`; read in chunks as it is consumed."""
    events = SessionEvent.objects.filter(session=session).order_by("seq")
    if types is not None:
        events = events.filter(type__in=types)
    while True:
        chunk = list(events.filter(seq__gt=after)[:_EVENTS_AT_ONCE])
        yield from chunk
        if len(chunk) < _EVENTS_AT_ONCE:
            return
        after = chunk[-1].seq


def problem_list(
    *, since: datetime, type: str | None = None, code: str | None = None
) -> QuerySet[SessionEvent]:
    """Events of the current tenant's sessions that tell of something that went wrong, the newest first. `type` and
    `code` are those of a ProblemGroup."""
    types = PROBLEMS if type is None else [name for name in PROBLEMS if name == type]
    events = SessionEvent.objects.filter(type__in=types, at__gte=since).select_related("session")
    if code is not None:
        coded: Any = with_code(events)
        events = coded.filter(code=code)
    return events.order_by("-at")


def last_words(sessions: Collection[RealtimeSession]) -> Mapping[uuid.UUID, str]:
    """What was said last in each of these, as far as it has been written to their logs."""
    events = SessionEvent.objects.filter(session__in=sessions, type__in=_WORDS)
    latest = events.order_by("session_id", "-seq").distinct("session_id")
    return {event.session_id: text for event in latest if (text := spoken_in(event.body))}


def spoken_in(body: Mapping[str, Any]) -> str:
    """The words in an event of a transcription or of an item."""
    if words := body.get("transcript") or body.get("text"):
        return str(words)
    content = body.get("item", {}).get("content") or ()
    return " ".join(part.get("text") or part.get("transcript") or "" for part in content).strip()
