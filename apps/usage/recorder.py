"""Writes what this process's sessions use to the database, in batches, from a thread of its own.

A record goes to the spool at once; the thread reads it from there and writes its lines, in one transaction with
what they add up to and what is booked of them. The spool is the queue: while the database can't be reached the disk
keeps what waits. Whatever is tried again changes nothing that was done: lines are unique by their record and unit.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import structlog

from antiphon.metering.records import UsageRecord
from apps.core.tenancy import across_tenants
from apps.core.writing import wait_after, writers_connection
from apps.usage.rows import BadRecord, Book, prepare, write
from apps.usage.spool import SEGMENT_BYTES, Spool, Taken

BATCH_RECORDS = 500
BATCH_SECONDS = 1.0  # while no session ends: then its records are written at once
TAKE_OVER_SECONDS = 5.0
FLUSH_SECONDS = 1.0  # that the end of a session waits for its rows, rather than for the disk
LAST_SECONDS = 4.0  # for what still waits when the process ends
MOST_KEPT = 50_000  # records in memory, when the disk takes no more
REFUSED = "refused.jsonl"
_LIMIT_EXCEEDED = "54"  # PostgreSQL's class of errors for what is too large; psycopg takes it for operational

log = structlog.get_logger(__name__)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UsageRecord)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is written together: from the spool, or, without `taken`, from memory."""

    records: Sequence[UsageRecord]
    taken: Taken | None


@dataclass(frozen=True, slots=True)
class _Waiter:
    """Somebody who waits until so many records are rows."""

    records: int
    loop: asyncio.AbstractEventLoop
    written: "asyncio.Future[None]"


class Recorder:
    """One for each process. `record` and `flush` are called on the event loop, everything private in the thread."""

    def __init__(
        self,
        folder: Path,
        *,
        books: Sequence[Book] = (),
        segment_bytes: int = SEGMENT_BYTES,
        take_over_seconds: float = TAKE_OVER_SECONDS,
    ) -> None:
        """`folder` is where the spool is, for all processes of this machine."""
        self._folder = folder
        self._books = books
        self._spool = Spool(folder, segment_bytes)
        self._take_over_seconds = take_over_seconds
        self._kept: deque[UsageRecord] = deque()
        self._lost = 0
        self._recorded = 0  # by this process, since it began
        self._written = 0  # of those, whether or not the database took them
        self._waiters: deque[_Waiter] = deque()
        self._wake = threading.Event()
        self._deadline: float | None = None  # set when the recorder is to stop
        self._thread = threading.Thread(target=self._run, name="usage recorder", daemon=True)
        self._connection: psycopg.Connection[Any] | None = None
        self._batch_records = BATCH_RECORDS
        self._failures = 0
        self._next_try = 0.0
        self._next_take_over = time.monotonic() + take_over_seconds

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Writes what waits, for at most so long; the rest stays on the disk for the next process. Blocks."""
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(seconds + 1)

    def record(self, record: UsageRecord) -> None:
        """It survives this process when this returns. If the disk takes no more, it is kept in memory."""
        if not self._spool.append(_encoder.encode(record)):
            if len(self._kept) >= MOST_KEPT:
                self._lost += 1
                log.critical("usage_lost", record=record.id, price_micro=record.price_micro, lost=self._lost)
                return
            self._kept.append(record)
        self._recorded += 1

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Returns when all that was recorded so far are rows or, after so many seconds, safe on the disk."""
        if self._written >= self._recorded:
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(self._recorded, loop, loop.create_future())
        if self._failures == 0:
            self._waiters.append(waiter)
            self._wake.set()
            try:
                async with asyncio.timeout(seconds):
                    await waiter.written
                return
            except TimeoutError:
                pass
        try:
            await asyncio.to_thread(self._spool.sync)
        except OSError as error:
            log.error("usage_spool_not_synced", error=error.strerror)

    # The thread

    def _run(self) -> None:
        with across_tenants(reason="usage recorder of this process", whole_process=True):
            try:
                self._work()
            finally:
                self._disconnect()
                self._end()

    def _work(self) -> None:
        self._take_over()
        while self._deadline is None or self._has_work:
            self._wake.wait(BATCH_SECONDS)
            self._wake.clear()
            now = time.monotonic()
            if now >= self._next_take_over:
                self._next_take_over = now + self._take_over_seconds
                self._take_over()
            if now >= self._next_try or self._deadline is not None:
                self._write_all()
            if self._deadline is not None and (time.monotonic() >= self._deadline or self._gives_up):
                return

    @property
    def _gives_up(self) -> bool:
        """The next process can do better."""
        return self._failures > 0 and not self._kept

    @property
    def _has_work(self) -> bool:
        return bool(self._kept) or self._spool.has_work

    def _take_over(self) -> None:
        try:
            self._spool.take_over()
        except OSError as error:
            log.error("usage_spool_not_read", error=error.strerror, folder=str(self._folder))

    def _write_all(self) -> None:
        try:
            while self._deadline is None or time.monotonic() < self._deadline:
                recorded = self._recorded
                batch = self._next_batch()
                if batch is None:  # so all of these are done with, whoever did it
                    self._written = max(self._written, recorded)
                    self._tell_waiters()
                    break
                self._write_some(batch)
        except psycopg.Error as error:
            self._note_failure(error)
        except Exception as error:  # of a book, or a disk: nothing is lost by trying again
            log.exception("usage_not_written")
            self._note_failure(error)
        else:
            self._note_success()

    def _next_batch(self) -> _Batch | None:
        """Of memory first, which a crash would lose."""
        if self._kept:
            size = min(self._batch_records, len(self._kept))
            return _Batch([self._kept[index] for index in range(size)], None)
        while taken := self._spool.take(self._batch_records):
            records: list[UsageRecord] = []
            try:
                for record in taken.records:
                    records.append(_decoder.decode(record))
            except msgspec.DecodeError as error:  # of another version of ours
                if not records:
                    self._refuse(msgspec.json.encode({"msgpack": taken.records[0]}), error)
                    self._finish(taken.first(1))
                    continue
            return _Batch(records, taken.first(len(records)))
        return None

    def _write_some(self, batch: _Batch) -> None:
        """Records that the database refuses are found by trying ever smaller batches."""
        try:
            write(self._connected(), batch.records, self._books)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.OperationalError, BadRecord) as error:
            if not _is_refusal(error):
                raise
            if len(batch.records) > 1:
                self._batch_records = len(batch.records) // 2
                return
            self._refuse(msgspec.json.encode(batch.records[0]), error)
        self._batch_records = min(self._batch_records * 2, BATCH_RECORDS)
        if batch.taken is not None:
            self._finish(batch.taken)
        else:
            for _ in batch.records:
                self._kept.popleft()
            self._written += len(batch.records)
            self._tell_waiters()

    def _refuse(self, record: bytes, error: Exception) -> None:
        """Kept in a file for people to see. Raises OSError."""
        log.error("usage_refused", error=f"{type(error).__name__}: {error}", folder=str(self._folder))
        line = msgspec.json.encode({"error": str(error), "record": msgspec.Raw(record)}) + b"\n"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / REFUSED).open("ab") as file:
            file.write(line)

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = writers_connection("antiphon usage recorder")
            prepare(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _finish(self, taken: Taken) -> None:
        self._spool.finish(taken)
        if taken.segment.is_ours:
            self._written += len(taken.records)
            self._tell_waiters()

    def _tell_waiters(self) -> None:
        while self._waiters and self._waiters[0].records <= self._written:
            waiter = self._waiters.popleft()
            with suppress(RuntimeError):  # its loop is over
                waiter.loop.call_soon_threadsafe(_done, waiter.written)

    def _note_failure(self, error: Exception) -> None:
        self._disconnect()
        if self._failures == 0:
            log.warning("usage_waits_for_the_database", error=type(error).__name__)
        self._failures += 1
        self._next_try = time.monotonic() + wait_after(self._failures)

    def _note_success(self) -> None:
        if self._failures:
            log.info("usage_written_again")
        self._failures = 0
        self._next_try = 0.0

    def _end(self) -> None:
        for record in self._kept:  # perhaps there is room again
            if not self._spool.append(_encoder.encode(record)):
                log.critical("usage_lost", record=record.id, price_micro=record.price_micro)
        self._spool.close()


def _is_refusal(error: Exception) -> bool:
    """Whether it is about what was to be written, rather than about the database."""
    if isinstance(error, psycopg.OperationalError):
        return (error.sqlstate or "").startswith(_LIMIT_EXCEEDED)
    return True


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
