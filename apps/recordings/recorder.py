"""Records this process's sessions: from what their observers noted to parts of an Opus stream in the storage.

One thread makes sound of the notes, encodes it and appends it to the disk; another one sends complete parts from
there to the storage. The event loop only appends references. While the disk takes no more, notes wait in memory up
to a bound, beyond which audio is left out: it is silence then, and what follows stays in step.
"""

import asyncio
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from antiphon.engine.observers.recording import Mixer, Note, RecordingObserver, bytes_of
from antiphon.engine.ports import Ending
from antiphon.engine.session import INTERNAL_ERROR
from apps.conversations.log_store import SessionOpened
from apps.core.writing import wait_after
from apps.recordings.encoding import Encoder
from apps.recordings.models import SAMPLE_RATE
from apps.recordings.sending import send, send_left_behind
from apps.recordings.spool import Folder, Writer, make

ROUND_SECONDS = 0.25
SEND_SECONDS = 1.0
TAKE_OVER_SECONDS = 15.0
LAST_SECONDS = 4.0  # for what is still to be written and sent when the process ends
MOST_BYTES = 64 * 1024 * 1024  # of audio that waits to be encoded, in all sessions
_AT_ONCE = 5 * SAMPLE_RATE  # samples of one session, so that none waits long for another

log = structlog.get_logger(__name__)


class _Waiting:
    """Bytes of audio that wait: added to on the event loop, taken from by the thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._added = 0
        self._taken = 0

    def add(self, size: int) -> None:
        self._added += size

    def take(self, size: int) -> None:
        self._taken += size

    def is_full(self) -> bool:
        return self._added - self._taken >= self._most


@dataclass(eq=False, slots=True)
class _Stream:
    """One session's recording. `drift` is what the session's clock is ahead of this process's, in ms."""

    folder: Folder
    notes: deque[Note]
    mixer: Mixer
    encoder: Encoder
    writer: Writer
    drift: float
    is_written: bool = False
    is_dropped: bool = False  # nobody wants it any more
    missed: int = 0

    def now(self) -> float:
        return time.monotonic() * 1000 + self.drift


class AudioRecorder:
    """One for each process. `session` is called on the event loop, `write`, `send` and everything private in the
    threads."""

    def __init__(
        self,
        spool: Path,
        *,
        most_bytes: int = MOST_BYTES,
        round_seconds: float = ROUND_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        """`spool` is where recordings wait, for all processes of this machine."""
        self._spool = spool
        self._round_seconds = round_seconds
        self._send_seconds = send_seconds
        self._waiting = _Waiting(most_bytes)
        self._streams: list[_Stream] = []  # replaced when one comes or goes, never changed
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._until = math.inf  # when it has to have stopped
        self._written = threading.Event()  # all that there will be
        self._is_failing = False
        self._failures = 0
        self._next_take_over = 0.0
        self._writing_thread = threading.Thread(target=self._write_on, name="recorder", daemon=True)
        self._sending_thread = threading.Thread(target=self._send_on, name="recordings", daemon=True)

    def start(self) -> None:
        self._writing_thread.start()
        self._sending_thread.start()

    def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Writes what waits and sends what it can, for at most so long; the rest stays on the disk for the next
        process. Blocks."""
        self._until = time.monotonic() + seconds
        self._stopping.set()
        self._writing_thread.join(seconds + 1)
        self._sending_thread.join(max(self._until - time.monotonic(), 0.0) + 1)
        for stream in self._streams:
            stream.writer.close()
            stream.folder.close()

    @contextmanager
    def session(self, opened: SessionOpened, *, paced: bool = False) -> Iterator[RecordingObserver]:
        """The observer of a session that runs inside. `paced`: its transport plays by itself."""
        clock = asyncio.get_running_loop().time
        zero = opened.started_at.timestamp() * 1000 - (time.time() - clock()) * 1000
        drift = (clock() - time.monotonic()) * 1000
        stream = self._begin(opened.tenant_id, opened.id, Mixer(zero, paced=paced), drift)
        is_over = False

        def note(noted: Note) -> None:
            nonlocal is_over
            is_over = is_over or isinstance(noted[0], Ending)
            if stream is not None and not stream.is_written:
                stream.notes.append(noted)
                self._waiting.add(bytes_of(noted[0]))

        try:
            yield RecordingObserver(note, self._waiting.is_full)
        finally:
            if not is_over:  # it failed before it ran
                note((Ending(INTERNAL_ERROR, "", by_client=False), clock() * 1000))

    def _begin(
        self, tenant_id: uuid.UUID, session_id: uuid.UUID, mixer: Mixer, drift: float
    ) -> _Stream | None:
        """None if the disk doesn't take it: a session goes on without its recording."""
        try:
            folder = make(self._spool, tenant_id, session_id)
        except OSError as error:
            log.error("recording_not_begun", error=error.strerror, folder=str(self._spool))
            return None
        keys = settings.ENCRYPTION_KEYS if settings.FILES_ENCRYPTION else None
        stream = _Stream(folder, deque(), mixer, Encoder(), Writer(folder, keys), drift)
        with self._changing:
            self._streams = [*self._streams, stream]
        return stream

    # The thread that writes

    def _write_on(self) -> None:
        while not self._stopping.wait(self._round_seconds):
            self.write()
        for stream in self._streams:
            self._end_at_once(stream)
        while self.has_more and not self._is_failing and time.monotonic() < self._until:
            self.write()
        self._written.set()

    @property
    def has_more(self) -> bool:
        """Whether a session is not on the disk to its end."""
        return any(not stream.is_written for stream in self._streams)

    def _end_at_once(self, stream: _Stream) -> None:
        """Its session did not end, and its process does."""
        ending = Ending(INTERNAL_ERROR, "", by_client=False)
        if not any(isinstance(event, Ending) for event, _ in list(stream.notes)):
            stream.notes.append((ending, stream.now()))

    def write(self) -> None:
        """One round: of each session what is known by now."""
        for stream in self._streams:
            if stream.is_dropped:
                self._give_up(stream)
                self._forget(stream)
            elif not stream.is_written:
                try:
                    self._advance(stream)
                except Exception:
                    log.exception("recording_broke", session=stream.folder.path.name)
                    self._give_up(stream)

    def _advance(self, stream: _Stream) -> None:
        now = stream.now()  # before the notes are taken, which may come meanwhile
        if not self._write(stream):
            return
        for event, at in self._notes_of(stream):
            stream.mixer.take(event, at)
        if stream.mixer.missed > stream.missed:
            stream.missed = stream.mixer.missed
            log.error("recording_has_a_gap", session=stream.folder.path.name)
        samples = stream.mixer.read(now, _AT_ONCE)
        if len(samples):
            stream.writer.put(stream.encoder.encode(samples))
        if stream.mixer.is_read:
            stream.writer.put(stream.encoder.finish())
        if self._write(stream) and stream.mixer.is_read:
            stream.is_written = True

    def _notes_of(self, stream: _Stream) -> Iterator[Note]:
        while stream.notes:
            note = stream.notes.popleft()
            self._waiting.take(bytes_of(note[0]))
            yield note

    def _write(self, stream: _Stream) -> bool:
        """False if the disk does not take it: what there is waits."""
        mixer, writer, now = stream.mixer, stream.writer, time.monotonic()
        try:
            writer.write(now)
            if mixer.is_read or writer.is_due(now):
                writer.end_part(
                    duration_ms=mixer.timeline.read_to * 1000 // SAMPLE_RATE,
                    timeline=mixer.timeline.maps(),
                    is_over=mixer.is_read,
                )
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                log.error("recordings_not_written", error=error.strerror, folder=str(self._spool))
            return False
        if self._is_failing:
            self._is_failing = False
            log.info("recordings_written_again")
        return True

    def _give_up(self, stream: _Stream) -> None:
        """What is written of it is all there will be."""
        stream.is_written = True
        deque(self._notes_of(stream), maxlen=0)
        stream.writer.close()

    # The thread that sends

    def _send_on(self) -> None:
        while not self._written.wait(self._pause()):
            self.send()
            close_old_connections()
        self.send()
        connections.close_all()

    def _pause(self) -> float:
        return max(self._send_seconds, wait_after(self._failures) if self._failures else 0.0)

    def send(self) -> None:
        """One round: all parts that are complete, and now and then what others have left."""
        failures = self._failures
        for stream in self._streams:
            if stream.is_dropped:
                continue
            try:
                is_written = stream.is_written
                if send(stream.folder, is_written=is_written):
                    stream.is_dropped = not is_written
                    if is_written:
                        self._forget(stream)
            except Exception as error:  # whatever a storage or a database has
                if self._failures == 0:
                    log.warning("recordings_wait_for_the_storage", error=type(error).__name__)
                self._failures = failures + 1
        if failures and self._failures == failures:
            log.info("recordings_sent_again")
            self._failures = 0
        if time.monotonic() >= self._next_take_over:
            send_left_behind(self._spool)
            self._next_take_over = time.monotonic() + TAKE_OVER_SECONDS

    def _forget(self, stream: _Stream) -> None:
        with self._changing:
            self._streams = [other for other in self._streams if other is not stream]
