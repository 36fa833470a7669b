"""Sessions as files, made while they are sent: in chunks, each read in a transaction of its own."""

import uuid
from collections.abc import AsyncIterator, Sequence
from itertools import islice

import msgspec
from channels.db import database_sync_to_async
from django.db.models import QuerySet

from apps.conversations.models import RealtimeSession, SessionEvent
from apps.conversations.selectors import session_events
from apps.core.spreadsheets import csv_lines
from apps.core.tenancy import tenant_context
from apps.dashboard.paging import page_of

_ROWS_AT_ONCE = 1000
_FIELDS = (
    "session_id",
    "call_id",
    "started_at",
    "ended_at",
    "end_reason",
    "model",
    "kind",
    "turns",
    "responses",
    "interruptions",
    "errors",
    "user_audio_ms",
    "assistant_audio_ms",
    "cost_micro",
)


async def session_csv(sessions: QuerySet[RealtimeSession], tenant_id: uuid.UUID) -> AsyncIterator[str]:
    """The newest first, with a header line. Runs after the request's own tenant context has been left."""
    read = database_sync_to_async(_page, thread_sensitive=False)
    yield csv_lines([_FIELDS])
    cursor, is_first = "", True
    while cursor or is_first:
        rows, cursor = await read(sessions, tenant_id, cursor)
        is_first = False
        yield csv_lines(rows)


async def session_json(session: RealtimeSession, tenant_id: uuid.UUID) -> AsyncIterator[bytes]:
    """The session with all its events."""
    read = database_sync_to_async(_events, thread_sensitive=False)
    head = msgspec.json.encode(session_facts(session))
    yield head[:-1] + b',"events":['
    after, separator = -1, b""
    while events := await read(session, tenant_id, after):
        yield separator + b",\n".join(msgspec.json.encode(event_facts(event)) for event in events)
        after, separator = events[-1].seq, b",\n"
    yield b"]}"


def session_facts(session: RealtimeSession) -> dict[str, object]:
    """As JSON."""
    return {name: getattr(session, name) for name in (*_FIELDS, "response_ms", "safety_identifier")}


def event_facts(event: SessionEvent) -> dict[str, object]:
    """As JSON: the body is the event as it was on the wire, without audio."""
    names = ("seq", "at", "direction", "type", "body")
    return {name: getattr(event, name) for name in names}


def _page(
    sessions: QuerySet[RealtimeSession], tenant_id: uuid.UUID, cursor: str
) -> tuple[list[Sequence[object]], str]:
    with tenant_context(tenant_id):
        page = page_of(sessions, by="started_at", cursor=cursor, size=_ROWS_AT_ONCE)
    return [[getattr(row, name) for name in _FIELDS] for row in page.rows], page.older


def _events(session: RealtimeSession, tenant_id: uuid.UUID, after: int) -> list[SessionEvent]:
    with tenant_context(tenant_id):
        return list(islice(session_events(session, after=after), _ROWS_AT_ONCE))
