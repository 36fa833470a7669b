"""Writes the logs of this process's sessions to the database, in batches, from a thread of its own.

A session's observer appends references to a queue; the thread takes them from there, makes rows of them and writes
them. While the database can't be reached, rows wait in memory up to a bound. Beyond it the oldest deltas go first,
then the oldest rest, and a `log.gap` in the place of the first of them says how many.
"""

import asyncio
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog

from antiphon.engine.inputs import FunctionEnded
from antiphon.engine.observers.log import Deltas, LogObserver, Record, entry_of
from antiphon.engine.ports import Ending
from antiphon.engine.session import INTERNAL_ERROR
from antiphon.metering.records import UsageRecord
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import McpCall, RemoteToolError
from apps.conversations.log_store import EventRow, LogStore, Row, SessionOpened, SessionState, ToolFailed
from apps.conversations.services import end_reason_of
from apps.core.tenancy import across_tenants
from apps.core.writing import wait_after

GAP = "log.gap"
BATCH_ROWS = 500
BATCH_SECONDS = 0.25
MOST_BYTES = 64 * 1024 * 1024  # of rows that wait
HEARTBEAT_SECONDS = 30.0
LAST_SECONDS = 4.0  # for what still waits when the process ends
_ROW_BYTES = 500  # about what a row takes besides its body
_ROOM_MADE = 0.9  # of the bound, so that making room, which looks at every row, is rare

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Gap:
    """What was lost of one session since its last gap was written."""

    first: EventRow
    last_seq: int
    lost: int = 0


class EventLog:
    """One for each process. `session` is called on the event loop, everything private in the thread."""

    def __init__(self, *, most_bytes: int = MOST_BYTES, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._most_bytes = most_bytes
        self._heartbeat_seconds = heartbeat_seconds
        self._queue: deque[Record | tuple[SessionOpened, LogObserver]] = deque()
        self._wake = threading.Event()
        self._deadline: float | None = None  # set when the log is to stop
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)
        self._store = LogStore()
        self._sessions: dict[uuid.UUID, tuple[uuid.UUID, LogObserver]] = {}
        self._unkept: set[uuid.UUID] = set()  # sessions of which only what they used is kept
        self._waiting: deque[Row] = deque()
        self._waiting_bytes = 0
        self._gaps: dict[uuid.UUID, _Gap] = {}
        self._lost = 0
        self._batch_rows = BATCH_ROWS
        self._failures = 0
        self._next_try = 0.0
        self._next_heartbeat = time.monotonic() + heartbeat_seconds

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Writes what waits, for at most so long. Blocks."""
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(seconds + 1)

    @contextmanager
    def session(self, opened: SessionOpened) -> Iterator[LogObserver]:
        """The observer of a session that runs inside."""
        epoch_ms = (time.time() - asyncio.get_running_loop().time()) * 1000
        observer = LogObserver(opened.id, self._queue.append, epoch_ms=epoch_ms)
        self._queue.append((opened, observer))
        try:
            yield observer
        finally:
            if observer.ending is None:  # it failed before it ran
                observer(Ending(INTERNAL_ERROR, "", by_client=False), time.time() * 1000 - epoch_ms)
            self._wake.set()

    # The thread

    def _run(self) -> None:
        with across_tenants(reason="event log of this process", whole_process=True):
            self._work()

    def _work(self) -> None:
        while self._deadline is None or self._has_work():
            self._wake.wait(BATCH_SECONDS)
            self._wake.clear()
            self._take_in()
            self._make_room()
            if time.monotonic() >= self._next_try or self._deadline is not None:
                self._write_all()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                break
        if self._has_work():
            log.error("event_log_not_written", rows=len(self._waiting) + len(self._queue))
        self._store.close()

    def _has_work(self) -> bool:
        return bool(self._queue or self._waiting or self._gaps)

    def _take_in(self) -> None:
        while self._queue:
            news = self._queue.popleft()
            if isinstance(news, Record):
                self._add_record(news)
            else:
                opened, observer = news
                self._sessions[opened.id] = opened.tenant_id, observer
                if not opened.keep_events:
                    self._unkept.add(opened.id)
                self._add(opened)

    def _add_record(self, record: Record) -> None:
        known = self._sessions.get(record.session)
        if known is None:  # its tenant was deleted meanwhile
            return
        if record.session not in self._unkept or isinstance(record.event, UsageRecord):
            self._add(_row_of(record, known[0]))
        if failed := _failed_tool(record, known[0]):
            self._add(failed)
        if isinstance(record.event, Ending):
            del self._sessions[record.session]
            self._unkept.discard(record.session)
            self._add(_state_of(record.session, *known, ended_at=_datetime(record.at)))

    def _add(self, row: Row) -> None:
        self._waiting.append(row)
        self._waiting_bytes += _size(row)

    def _make_room(self) -> None:
        """Keeps what waits within the bound: the oldest deltas go first, then the oldest other events."""
        for only_deltas in (True, False):
            if self._waiting_bytes <= self._most_bytes:
                return
            kept: deque[Row] = deque()
            for row in self._waiting:
                too_much = self._waiting_bytes > self._most_bytes * _ROOM_MADE
                if too_much and isinstance(row, EventRow) and (row.is_delta or not only_deltas):
                    self._lose(row)
                    self._waiting_bytes -= _size(row)
                else:
                    kept.append(row)
            self._waiting = kept

    def _lose(self, row: EventRow) -> None:
        gap = self._gaps.setdefault(row.session_id, _Gap(row, row.seq))
        gap.last_seq = max(gap.last_seq, row.seq)
        gap.lost += 1
        self._lost += 1

    def _add_gaps(self) -> None:
        for gap in self._gaps.values():
            self._add(_gap_row(gap))
        self._gaps.clear()

    # Writing

    def _write_all(self) -> None:
        try:
            while self._waiting or self._gaps:
                if not self._waiting:
                    self._add_gaps()
                self._write_some()
            if time.monotonic() >= self._next_heartbeat:
                self._next_heartbeat = time.monotonic() + self._heartbeat_seconds
                self._store.write([_state_of(id, *known) for id, known in self._sessions.items()])
        except psycopg.Error as error:
            self._note_failure(error)
        else:
            self._note_success()

    def _write_some(self) -> None:
        """Writes the next batch. A row that the database refuses is found by trying ever smaller batches."""
        batch = [self._waiting[index] for index in range(min(self._batch_rows, len(self._waiting)))]
        try:
            self._store.write(batch, again=self._failures > 0)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(batch) > 1:
                self._batch_rows = len(batch) // 2
                return
            self._refuse(batch[0], error)
        self._batch_rows = min(self._batch_rows * 2, BATCH_ROWS)
        for row in batch:
            self._waiting.popleft()
            self._waiting_bytes -= _size(row)

    def _refuse(self, row: Row, error: psycopg.Error) -> None:
        log.error("event_log_row_refused", row=type(row).__name__, sqlstate=error.sqlstate)
        if isinstance(row, (SessionOpened, SessionState)):
            self._sessions.pop(row.id, None)
            self._unkept.discard(row.id)
        elif isinstance(row, EventRow) and row.type != GAP:
            self._lose(row)

    def _note_failure(self, error: psycopg.Error) -> None:
        if self._failures == 0:
            log.warning("event_log_waits_for_the_database", error=type(error).__name__)
        self._failures += 1
        self._next_try = time.monotonic() + wait_after(self._failures)

    def _note_success(self) -> None:
        if self._failures or self._lost:
            log.info("event_log_written_again", lost=self._lost)
        self._failures = self._lost = 0
        self._next_try = 0.0


def _row_of(record: Record, tenant_id: uuid.UUID) -> EventRow:
    entry = entry_of(record)
    return EventRow(
        tenant_id=tenant_id,
        session_id=record.session,
        seq=record.seq,
        at=_datetime(record.at),
        direction=record.direction,
        type=entry.type,
        response_id=_text(entry.response_id),
        item_id=_text(entry.item_id),
        # PostgreSQL's text has no NUL. An escaped backslash before "u0000" loses its meaning with it: JSON still.
        body=entry.body.replace(rb"\u0000", rb"\ufffd").decode(),
        is_delta=isinstance(record.event, Deltas),
    )


def _failed_tool(record: Record, tenant_id: uuid.UUID) -> ToolFailed | None:
    match record.event:
        case FunctionEnded(item_id=item_id, name=name, error=RemoteToolError() as error):
            label = None
        case ev.ItemDone(
            item=McpCall(id=item_id, name=name, server_label=label, error=RemoteToolError() as error)
        ):
            pass
        case _:
            return None
    return ToolFailed(tenant_id, record.session, item_id, name, label, error.type, error.code)


def _state_of(
    id: uuid.UUID, tenant_id: uuid.UUID, observer: LogObserver, ended_at: datetime | None = None
) -> SessionState:
    totals = observer.totals
    ending = observer.ending if ended_at is not None else None
    return SessionState(
        id=id,
        tenant_id=tenant_id,
        turns=totals.turns,
        responses=totals.responses,
        interruptions=totals.interruptions,
        errors=totals.errors,
        user_audio_ms=round(totals.user_audio_ms),
        assistant_audio_ms=round(totals.assistant_audio_ms),
        cost_micro=totals.cost_micro,
        response_ms=list(totals.response_ms),
        ended_at=ended_at,
        end_reason=end_reason_of(ending) if ending else "",
        close_code=ending.code if ending else None,
    )


def _gap_row(gap: _Gap) -> EventRow:
    first = gap.first
    body = {"type": GAP, "lost": gap.lost, "last_seq": gap.last_seq}
    return EventRow(
        tenant_id=first.tenant_id,
        session_id=first.session_id,
        seq=first.seq,
        at=first.at,
        direction="engine",
        type=GAP,
        response_id=None,
        item_id=None,
        body=json.dumps(body),
        is_delta=False,
    )


def _size(row: Row) -> int:
    return _ROW_BYTES + (len(row.body) if isinstance(row, EventRow) else 0)


def _text(value: str | None) -> str | None:
    return value.replace("\0", "\ufffd") if value else value


def _datetime(at: float) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
