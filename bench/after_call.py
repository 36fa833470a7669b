"""Measures what it costs to make of a long session what is left of it, and prints one table.

    python bench/after_call.py

Uses a database and a folder of its own. CPU time is that of this process, which is all that a worker does; what
PostgreSQL takes for it is not in it. Somebody speaks nearly all of the time, which is the dearest case.
"""

import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from measuring.speech import recordings
from measuring.table import Row, render
from metering import database

if TYPE_CHECKING:
    from apps.conversations.models import RealtimeSession

MINUTES = 60
TURNS = 600
BLEEPS = 60
BUDGET_SECONDS = 60  # of CPU, for all of it
_LOOP_SECONDS = 300  # as much is encoded; the rest is the same again
_PART_BYTES = 40_000  # about 5 s


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        os.environ["ANTIPHON_DATA_DIR"] = folder
        with database(Path(folder)):
            from apps.core.tenancy import tenant_context
            from apps.tenants.models import Tenant

            tenant = Tenant.objects.create(slug="bench", name="Bench")
            with tenant_context(tenant.id):
                print(render(measured()))


def measured() -> list[Row]:
    stream = _long_stream()
    transcript, events = _transcript()
    plain, memory = _recording(stream, bleeps=0)
    bleeped, _ = _recording(stream, bleeps=BLEEPS)
    return [
        Row(f"a session of {MINUTES} minutes: its log", events, "events"),
        Row("transcript, CPU", transcript, "s"),
        Row("its recording", len(stream) / 1e6, "MB"),
        Row("recording and waveform, CPU", plain, "s", 20),
        Row("memory that this took besides", memory, "MB", 64),
        Row(f"the same with {BLEEPS} bleeps, CPU", bleeped, "s"),
        Row("all of it, CPU", transcript + bleeped, "s", BUDGET_SECONDS),
    ]


def _long_stream() -> bytes:
    """Speech of both sides, in turn, as a recorder leaves it."""
    from apps.recordings.encoding import Encoder
    from apps.recordings.ogg import HEADERS, pages

    rate = 24_000
    speech = np.concatenate([np.frombuffer(each.pcm, "<i2") for each in recordings()])
    turns = (np.arange((_LOOP_SECONDS + 2) * rate) // (4 * rate)) % 2
    side = np.resize(speech, len(turns))
    sound = np.stack([side * (turns == 0), side * (turns == 1)], axis=1).astype(np.int16)
    encoder = Encoder()
    once = b"".join(encoder.encode(sound[at : at + rate]) for at in range(0, len(sound), rate))
    made = list(pages(BytesIO(once)))
    head, body = made[:HEADERS], [page for _, page in made[HEADERS:]][:_LOOP_SECONDS]  # a second each
    stream = [raw for raw, _ in head]
    for again in range(MINUTES * 60 // _LOOP_SECONDS):
        for page in body:
            granule = page.granule + again * body[-1].granule
            stream.append(replace(page, flags=0, number=len(stream), granule=granule).encoded())
    return b"".join(stream)


def _recording(stream: bytes, *, bleeps: int) -> tuple[float, float]:
    """CPU in seconds, and memory in MB, of the job."""
    from apps.files import store
    from apps.privacy.models import Redaction
    from apps.recordings.models import Recording, RecordingState
    from apps.recordings.names import part_name

    session = _session()
    parts = [stream[at : at + _PART_BYTES] for at in range(0, len(stream), _PART_BYTES)]
    for number, part in enumerate(parts, 1):
        store.put(part_name(session.id, number), [part])
    recording = Recording.objects.create(
        session=session, started_at=session.started_at, state=RecordingState.PROCESSING, parts=len(parts)
    )
    for number in range(bleeps):
        at = (number + 1) * MINUTES * 60_000 // (bleeps + 1)
        Redaction.objects.create(
            session=session, channel=number % 2, start_ms=at, end_ms=at + 3000, kind="email"
        )
    with _memory() as highest:
        took = _run("session.recording", session)
    recording.refresh_from_db()
    assert recording.state == RecordingState.READY
    assert abs(recording.duration_ms - MINUTES * 60_000) < 2000
    return took, highest[0] / 1e6


def _transcript() -> tuple[float, int]:
    """CPU of the job in seconds, and how many events it read."""
    from apps.conversations.models import SessionEvent
    from apps.conversations.sample_events import sample_events
    from apps.conversations.sample_words import DIALOGUES
    from apps.transcripts.models import Transcript

    session = _session()
    lines = [line for dialogue in DIALOGUES for line in dialogue]
    session.response_ms = [900] * TURNS
    session.interruptions = TURNS // 10
    events = sample_events(session, [lines[turn % len(lines)] for turn in range(TURNS)], random.Random(1))
    SessionEvent.objects.bulk_create(events, batch_size=1000)
    took = _run("session.transcript", session)
    assert len(Transcript.objects.get(session=session).entries) >= 2 * TURNS
    return took, len(events)


def _run(kind: str, session: "RealtimeSession") -> float:
    from apps.core.tenancy import atomic
    from apps.jobs.models import JobState
    from apps.jobs.running import job_run
    from apps.jobs.services import job_add

    with atomic():
        job = job_add(kind=kind, key=str(session.id), session_id=session.session_id)
    began = time.process_time()
    job_run(job.id)
    took = time.process_time() - began
    job.refresh_from_db()
    assert job.state == JobState.DONE, job.error
    return took


def _session() -> "RealtimeSession":
    from django.utils import timezone

    from apps.conversations.models import RealtimeSession

    ended = timezone.now()
    return RealtimeSession.objects.create(
        session_id=f"sess_{uuid.uuid4().hex[:20]}",
        model="local/dialogue",
        started_at=ended - timedelta(minutes=MINUTES),
        alive_at=ended,
        ended_at=ended,
        turns=TURNS,
    )


@contextmanager
def _memory() -> Iterator[list[int]]:
    """By how many bytes this process was larger than now at most, once the block is left."""
    process, over, grown = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.05):
            grown[0] = max(grown[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield grown
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    main()
