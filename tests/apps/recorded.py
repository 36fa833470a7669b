"""A session whose sound lies in the storage, as a recorder leaves it: some sentences, of the user or the agent."""

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from apps.conversations.models import RealtimeSession
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.models import Job
from apps.jobs.running import job_run
from apps.jobs.services import job_add
from apps.recordings.encoding import Encoder
from apps.recordings.models import SAMPLE_RATE, Recording, RecordingState
from apps.recordings.names import part_name
from tests.recordings import sentences
from tests.tenancy.rows import make_session

PART_BYTES = 7_001


def spoken(*turns: tuple[int, int]) -> NDArray[np.float32]:
    """Two channels: for each turn, after half a second, a channel speaks the sentence of that number."""
    pieces = []
    for channel, number in turns:
        samples = soxr.resample(sentences()[number].samples, 16_000, SAMPLE_RATE)
        piece = np.zeros((len(samples) + SAMPLE_RATE // 2, 2), np.float32)
        piece[SAMPLE_RATE // 2 :, channel] = samples
        pieces.append(piece)
    return np.concatenate(pieces)


def encoded(sound: NDArray[np.float32]) -> bytes:
    encoder = Encoder()
    pcm = (sound * 32_767).astype(np.int16)
    seconds = (pcm[start : start + SAMPLE_RATE] for start in range(0, len(pcm), SAMPLE_RATE))
    return b"".join(map(encoder.encode, seconds)) + encoder.finish()


def decoded(stream: bytes) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = soundfile.read(io.BytesIO(stream), dtype="float32")[0]
    return samples


def make_recorded(
    name: str, stream: bytes, state: RecordingState = RecordingState.PROCESSING
) -> tuple[RealtimeSession, Recording]:
    """The stream is in parts in the storage."""
    session = make_session(name)
    parts = [stream[start : start + PART_BYTES] for start in range(0, len(stream), PART_BYTES)]
    for number, part in enumerate(parts, 1):
        store.put(part_name(session.id, number), [part])
    recording = Recording.objects.create(
        session=session, started_at=session.started_at, state=state, parts=len(parts)
    )
    return session, recording


def run(session: RealtimeSession, kind: str = "session.recording") -> Job:
    """Runs the job about it once, if it is due."""
    with atomic():
        job = job_add(kind=kind, key=str(session.id), session_id=session.session_id)
    Job.objects.filter(id=job.id, state="waiting").update(run_at=job.created_at)
    job_run(job.id)
    job.refresh_from_db()
    return job
