"""The database behind the event log: one connection, which bypasses row security since a batch has rows of many
tenants (and COPY is refused to a role that row security binds)."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from apps.conversations.models import Direction, EndReason
from apps.core.writing import writers_connection
from apps.recordings.sql import BEGIN_RECORDING
from apps.transcripts.sql import ADD_TRANSCRIPT_JOB
from apps.webhooks.outbox import PUBLISH_OF_SESSION, sessions_url

_INSERT_SESSION = """
    INSERT INTO conversations_realtimesession (
        id, tenant_id, session_id, call_id, api_key_id, customer_id, model, agent_version_id, kind, dialect,
        safety_identifier, started_at, alive_at, ended_at, end_reason, close_code,
        turns, responses, interruptions, errors, user_audio_ms, assistant_audio_ms, cost_micro, response_ms
    ) VALUES (
        %(id)s, %(tenant_id)s, %(session_id)s, %(call_id)s, %(api_key_id)s, %(customer_id)s, %(model)s,
        %(agent_version_id)s, %(kind)s, %(dialect)s, %(safety_identifier)s, %(started_at)s, now(), NULL, '', NULL,
        0, 0, 0, 0, 0, 0, 0, '{}'
    ) ON CONFLICT (id) DO NOTHING
"""
_UPDATE_SESSION = """
    UPDATE conversations_realtimesession SET
        alive_at = now(), ended_at = %(ended_at)s, end_reason = %(end_reason)s, close_code = %(close_code)s,
        turns = %(turns)s, responses = %(responses)s, interruptions = %(interruptions)s, errors = %(errors)s,
        user_audio_ms = %(user_audio_ms)s, assistant_audio_ms = %(assistant_audio_ms)s,
        cost_micro = %(cost_micro)s, response_ms = %(response_ms)s
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s
"""
_COPY_EVENTS = """
    COPY conversations_sessionevent
        (tenant_id, session_id, seq, at, direction, type, response_id, item_id, body)
    FROM STDIN
"""
_DELETE_EVENT = """
    DELETE FROM conversations_sessionevent WHERE tenant_id = %s AND session_id = %s AND seq = %s
"""


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """What is known of a session when it begins. `id` is that of its row, `session_id` that of the protocol.
    `keep_events`: whether its log has more than what it used; `record`: whether its sound is kept."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    session_id: str
    api_key_id: uuid.UUID | None
    model: str
    started_at: datetime
    call_id: str = ""
    kind: str = "realtime"
    dialect: str = "ga"
    safety_identifier: str = ""
    agent_version_id: uuid.UUID | None = None
    customer_id: uuid.UUID | None = None
    keep_events: bool = True
    record: bool = False


@dataclass(frozen=True, slots=True)
class SessionState:
    """What a session has come to; it is open while `ended_at` is None."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    turns: int
    responses: int
    interruptions: int
    errors: int
    user_audio_ms: int
    assistant_audio_ms: int
    cost_micro: int
    response_ms: list[int]
    ended_at: datetime | None = None
    end_reason: EndReason | str = ""
    close_code: int | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    tenant_id: uuid.UUID
    session_id: uuid.UUID
    seq: int
    at: datetime
    direction: Direction | str
    type: str
    response_id: str | None
    item_id: str | None
    body: str
    is_delta: bool


@dataclass(frozen=True, slots=True)
class ToolFailed:
    """A tool that the platform runs failed: told to those who want to know, whether or not there is a log."""

    tenant_id: uuid.UUID
    session_id: uuid.UUID
    item_id: str
    tool: str
    server_label: str | None
    error_type: str
    error_code: int | None


Row = SessionOpened | EventRow | SessionState | ToolFailed


def published(type: str, *, tenant_id: uuid.UUID, id: uuid.UUID, of: str = "", **data: Any) -> dict[str, Any]:
    """What PUBLISH_OF_SESSION takes."""
    return {
        "tenant_id": tenant_id,
        "id": id,
        "type": type,
        "data": json.dumps(data),
        "of": of,
        "sessions_url": sessions_url(),
    }


class LogStore:
    """Belongs to one thread. After an error its connection is closed, and the next use opens another."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def write(self, rows: Sequence[Row], *, again: bool = False) -> None:
        """Writes all rows or, raising `psycopg.Error`, none.

        `again`: an earlier try to write some of them failed, perhaps only in telling us that it had not.
        """
        opened = [row for row in rows if isinstance(row, SessionOpened)]
        events = [row for row in rows if isinstance(row, EventRow)]
        states = [row for row in rows if isinstance(row, SessionState)]
        failed = [row for row in rows if isinstance(row, ToolFailed)]
        try:
            connection = self._connect()
            with connection.transaction(), connection.cursor() as cursor:
                if opened:
                    cursor.executemany(_INSERT_SESSION, [asdict(row) for row in opened])
                    recorded = [asdict(row) for row in opened if row.record]
                    cursor.executemany(BEGIN_RECORDING, recorded)
                    began = [published("session.started", tenant_id=r.tenant_id, id=r.id) for r in opened]
                    cursor.executemany(PUBLISH_OF_SESSION, began)
                if failed:
                    cursor.executemany(PUBLISH_OF_SESSION, [_published_failure(row) for row in failed])
                if again and events:
                    keys = [(row.tenant_id, row.session_id, row.seq) for row in events]
                    cursor.executemany(_DELETE_EVENT, keys)
                if events:
                    _copy(cursor, events)
                if states:
                    cursor.executemany(_UPDATE_SESSION, [asdict(row) for row in states])
                    over = [row for row in states if row.ended_at is not None]
                    cursor.executemany(
                        ADD_TRANSCRIPT_JOB, [{"tenant_id": r.tenant_id, "id": r.id} for r in over]
                    )
                    ended = [published("session.ended", tenant_id=r.tenant_id, id=r.id) for r in over]
                    cursor.executemany(PUBLISH_OF_SESSION, ended)
        except psycopg.Error:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = writers_connection("antiphon event log")
        return self._connection


def _published_failure(row: ToolFailed) -> dict[str, Any]:
    facts = asdict(row)
    id = facts.pop("session_id")
    return published("tool.failed", tenant_id=facts.pop("tenant_id"), id=id, of=f":{row.item_id}", **facts)


def _copy(cursor: psycopg.Cursor[Any], events: Sequence[EventRow]) -> None:
    with cursor.copy(_COPY_EVENTS) as copy:
        for row in events:
            copy.write_row(
                (
                    row.tenant_id,
                    row.session_id,
                    row.seq,
                    row.at,
                    row.direction,
                    row.type,
                    row.response_id,
                    row.item_id,
                    row.body,
                )
            )
