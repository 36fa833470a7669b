"""A spoken conversation as a recorder notes it, and what is to be heard in a recording."""

import asyncio
import io
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import soundfile
import soxr
from django.utils import timezone
from numpy.typing import NDArray

from antiphon.engine.effects import Heard
from antiphon.engine.observers.recording import RecordingObserver
from antiphon.engine.ports import Ending
from antiphon.engine.timeline import Samples
from antiphon.protocol.client_events import InputAudioAppend
from antiphon.protocol.server_events import OutputAudioDelta
from apps.conversations.log_store import SessionOpened
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.recordings.models import Recording
from apps.recordings.recorder import AudioRecorder
from tests.cast import Person
from tests.recordings import sentence

RATE = 24_000
AGO_MS = 600_000  # when the conversations of these tests began: nothing of them can change any more

Timed = tuple[float, object]
"""What comes so many ms after the session's start."""


@cache
def speech(number: str) -> Samples:
    """A sentence somebody says, at 24 kHz."""
    spoken = soxr.resample(sentence(number).samples, 16_000, RATE)
    return (spoken * 30_000).astype(np.int16)


def user_says(samples: Samples, at: float) -> Iterator[Timed]:
    """In frames of 20 ms, each when it has been said."""
    frame = RATE // 50
    for number, start in enumerate(range(0, len(samples), frame)):
        yield at + number * 20, InputAudioAppend(audio=samples[start : start + frame].tobytes())


def assistant_says(samples: Samples, at: float, item_id: str = "item_1") -> Iterator[Timed]:
    """Five times as fast as it plays, in pieces of 200 ms."""
    piece = RATE // 5
    for number, start in enumerate(range(0, len(samples), piece)):
        said = samples[start : start + piece]
        delta = OutputAudioDelta(
            response_id="resp_1",
            item_id=item_id,
            output_index=0,
            content_index=0,
            delta=said.tobytes(),
            samples=len(said),
        )
        yield at + number * 40, delta


def interrupted(at: float, heard_ms: int, item_id: str = "item_1") -> Iterator[Timed]:
    yield at, Heard(item_id, heard_ms, "")


@dataclass(frozen=True)
class Taped:
    """A session that is recorded, begun AGO_MS ago."""

    owner: Person
    opened: SessionOpened

    @property
    def recording(self) -> Recording:
        with tenant_context(self.owner.tenant.id):
            return Recording.objects.select_related("session").get(session_id=self.opened.id)


def taped(owner: Person, *, has_row: bool = True, began: datetime | None = None) -> Taped:
    opened = SessionOpened(
        id=uuid.uuid4(),
        tenant_id=owner.tenant.id,
        session_id=f"sess_{uuid.uuid4().hex[:8]}",
        api_key_id=None,
        model="agent/desk@1",
        started_at=began or timezone.now() - timedelta(milliseconds=AGO_MS),
        record=True,
    )
    tape = Taped(owner, opened)
    if has_row:
        add_row(tape)
    return tape


def add_row(tape: Taped) -> None:
    opened = tape.opened
    with tenant_context(opened.tenant_id):
        session = RealtimeSession.objects.create(
            id=opened.id,
            session_id=opened.session_id,
            model=opened.model,
            started_at=opened.started_at,
            alive_at=timezone.now(),
        )
        Recording.objects.create(session=session, started_at=opened.started_at)


def converse(
    recorder: AudioRecorder, tape: Taped, happens: Iterable[Timed], *, lasts: float, rounds: int = 0
) -> RecordingObserver:
    """Has the recorder note it all. With `rounds` it then works for so many, and the session does not end. Returns
    who observes it."""

    async def session() -> RecordingObserver:
        clock = asyncio.get_running_loop().time
        zero = (clock() - time.time() + tape.opened.started_at.timestamp()) * 1000
        context = recorder.session(tape.opened)
        observe: RecordingObserver = context.__enter__()
        for at, event in sorted(happens, key=lambda timed: timed[0]):
            observe(event, zero + at)
        if rounds:
            for _ in range(rounds):
                recorder.write()
            return observe
        observe(Ending(1000, "", by_client=True), zero + lasts)
        context.__exit__(None, None, None)
        return observe

    return asyncio.run(session())


def write_all(recorder: AudioRecorder) -> None:
    """Rounds until all is on the disk."""
    for _ in range(1000):
        recorder.write()
        if not recorder.has_more:
            return
    raise AssertionError("The recorder comes to no end.")


def decoded(stream: Iterable[bytes]) -> Samples:
    """`int16[n, 2]`. A stream that is cut off is read to its last page."""
    samples, rate = soundfile.read(io.BytesIO(b"".join(stream)), dtype="int16", always_2d=True)
    assert rate == RATE
    found: Samples = samples
    return found


def place_of(said: Samples, channel: Samples) -> float:
    """Where in the channel this is heard, in ms: the peak of their cross-correlation. AssertionError if nowhere."""
    length = 1 << (len(channel) + len(said)).bit_length()
    spectrum = np.fft.rfft(channel.astype(float), length) * np.conj(np.fft.rfft(said.astype(float), length))
    likeness: NDArray[np.float64] = np.fft.irfft(spectrum, length)[: len(channel)]
    at = int(likeness.argmax())
    there = channel[at : at + len(said)].astype(float)
    scale = np.linalg.norm(there) * np.linalg.norm(said.astype(float))
    assert likeness[at] > 0.8 * scale > 0, "It is not to be heard there."
    return at / (RATE / 1000)
