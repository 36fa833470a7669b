"""The sound of a sample session: its words spoken by the embedded voice, and kept as a recorder leaves it."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import soxr
from asgiref.sync import async_to_sync
from numpy.typing import NDArray

from apps.conversations.models import RealtimeSession, SessionEvent
from apps.conversations.sample_words import Dialogue
from apps.conversations.speaking import speak
from apps.files import store
from apps.recordings.encoding import Encoder
from apps.recordings.models import SAMPLE_RATE, Recording, RecordingState
from apps.recordings.names import part_name

Samples = NDArray[np.int16]
VOICE = ("local/piper-joe", "joe")

_USER, _AGENT = 0, 1
_HIGHER = 1.22  # is the user's voice, who else would be the agent
_PART_SECONDS = 5
_PER_MS = SAMPLE_RATE // 1000


def voices_of(
    tenant_id: uuid.UUID, dialogue: Dialogue
) -> tuple[Mapping[str, Samples], Mapping[str, Samples]]:
    """What the user says and what the agent says, by its words."""
    model, voice = VOICE
    asked: dict[str, Samples] = {}
    answered: dict[str, Samples] = {}
    for question, answer in dialogue:
        for words, said in ((question, asked), (answer, answered)):
            pcm = async_to_sync(speak)(tenant_id, model, voice, words)
            said[words] = np.frombuffer(pcm, np.int16)
    higher = {words: _higher(samples) for words, samples in asked.items()}
    return higher, answered


def lasts_ms(samples: Samples) -> int:
    return len(samples) // _PER_MS


def recording_of_sample(
    session: RealtimeSession,
    events: Sequence[SessionEvent],
    asked: Mapping[str, Samples],
    answered: Mapping[str, Samples],
) -> Recording:
    """Puts its parts into the storage. The row is not saved."""
    assert session.ended_at is not None
    began = session.started_at
    sound = np.zeros((_ms(began, session.ended_at) * _PER_MS, 2), np.int16)
    heard = {event.item_id: event.body["audio_ms"] for event in events if event.type == "item.heard"}
    users: list[list[int]] = []
    items: dict[str | None, list[list[int]]] = {}
    questions, answers, position = iter(asked.values()), iter(answered.values()), 0
    for event in events:
        at = _ms(began, event.at)
        if event.type == "input_audio_buffer.append":
            samples = next(questions)
            users.append([position, at])
            position += event.body["audio_ms"]
            _place(sound, samples, at, _USER)
        elif event.type == "response.output_audio.delta":
            ms = heard.get(event.item_id, event.body["audio_ms"])
            items[event.item_id] = [[0, at, ms]]
            _place(sound, next(answers)[: ms * _PER_MS], at, _AGENT)
    size = parts = 0
    for parts, part in enumerate(_encoded(sound), 1):
        store.put(part_name(session.id, parts), [part])
        size += len(part)
    return Recording(
        session=session,
        started_at=began,
        state=RecordingState.PROCESSING,
        duration_ms=len(sound) // _PER_MS,
        size_bytes=size,
        parts=parts,
        timeline={"user": users, "items": items},
    )


def _place(sound: Samples, samples: Samples, at: int, channel: int) -> None:
    begin = at * _PER_MS
    fitting = samples[: max(len(sound) - begin, 0)]
    sound[begin : begin + len(fitting), channel] = fitting


def _encoded(sound: Samples) -> Iterator[bytes]:
    encoder, step = Encoder(), _PART_SECONDS * SAMPLE_RATE
    for start in range(0, len(sound), step):
        part = encoder.encode(sound[start : start + step])
        yield part if start + step < len(sound) else part + encoder.finish()


def _higher(samples: Samples) -> Samples:
    """And faster, by as much."""
    higher: Samples = soxr.resample(samples, SAMPLE_RATE * _HIGHER, SAMPLE_RATE)
    return higher


def _ms(began: datetime, at: datetime) -> int:
    return round((at - began).total_seconds() * 1000)
