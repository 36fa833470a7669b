"""The log of a sample session, in the shape in which real ones are kept."""

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apps.conversations.models import Direction, RealtimeSession, SessionEvent
from apps.conversations.sample_usage import HEARD, THOUGHT, Use, spoken
from apps.conversations.sample_words import Dialogue, language_of


class _Writer:
    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[SessionEvent] = []
        self.now: datetime = session.started_at
        self.appended_ms = 0

    def wait(self, ms: float) -> None:
        self.now += timedelta(milliseconds=ms)

    def add(self, direction: Direction, type: str, /, **body: Any) -> None:
        holder = body.get("response") or body.get("item") or {}
        response_id = body.get("response_id") or (holder.get("id") if "response" in body else None)
        item_id = body.get("item_id") or (holder.get("id") if "item" in body else None)
        self.events.append(
            SessionEvent(
                session=self.session,
                seq=len(self.events),
                at=self.now,
                direction=direction,
                type=type,
                response_id=response_id,
                item_id=item_id,
                body={"type": type, **body},
            )
        )


_SILENCE_MS = 200  # by which the end of speech is noticed

Lasting = Callable[[str], int]
"""How long it takes to say these words, in ms."""


def user_ms(words: str) -> int:
    return 60 * len(words)


def agent_ms(words: str) -> int:
    return 62 * len(words)


def sample_events(
    session: RealtimeSession,
    dialogue: Dialogue,
    chance: random.Random,
    user_lasts: Lasting = user_ms,
    agent_lasts: Lasting = agent_ms,
) -> list[SessionEvent]:
    """In order."""
    log, language = _Writer(session), language_of(dialogue)
    shown = {
        "id": session.session_id,
        "type": session.kind,
        "model": session.model,
        "call_id": session.call_id,
    }
    log.add(Direction.SERVER, "session.created", session=shown)
    interrupted = set(chance.sample(range(len(dialogue)), min(session.interruptions, len(dialogue))))
    for number, (question, answer) in enumerate(dialogue):
        asked_ms, answered_ms = user_lasts(question), agent_lasts(answer)
        item_id = _ask(log, asked_ms, chance)
        _understand(log, item_id, question, asked_ms, language, session.response_ms[number])
        _answer(log, answer, answered_ms, session.response_ms[number], cut=number in interrupted)
    for _ in range(session.errors):
        error = {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "Expected a valid voice.",
        }
        log.add(Direction.SERVER, "error", error=error)
    log.add(Direction.ENGINE, "session.ended", code=session.close_code, reason="", by_client=True)
    return log.events


def _ask(log: _Writer, asked_ms: int, chance: random.Random) -> str:
    item_id, begin = f"item_{uuid.uuid4().hex[:20]}", log.appended_ms
    whole_ms = asked_ms + _SILENCE_MS
    log.appended_ms += whole_ms
    log.wait(chance.randint(300, 2500))
    audio = {"appends": whole_ms // 20, "audio_ms": whole_ms, "lasted_ms": whole_ms}
    log.add(Direction.CLIENT, "input_audio_buffer.append", **audio)
    started = {"item_id": item_id, "audio_start_ms": begin}
    log.add(Direction.SERVER, "input_audio_buffer.speech_started", **started)
    log.wait(whole_ms)
    stopped = {"item_id": item_id, "audio_end_ms": begin + asked_ms}
    log.add(Direction.SERVER, "input_audio_buffer.speech_stopped", **stopped)
    log.add(Direction.SERVER, "input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
    item = _message(item_id, "user", {"type": "input_audio", "transcript": None}, "completed")
    log.add(Direction.SERVER, "conversation.item.added", item=item)
    log.add(Direction.SERVER, "conversation.item.done", item=item)
    return item_id


def _understand(
    log: _Writer, item_id: str, words: str, asked_ms: int, language: str, response_ms: int
) -> None:
    log.wait(response_ms * 0.35)
    heard = {"item_id": item_id, "text": words, "audio_ms": asked_ms, "language": language}
    log.add(Direction.ENGINE, "turn.transcribed", **heard)
    kind = "conversation.item.input_audio_transcription.completed"
    log.add(Direction.SERVER, kind, item_id=item_id, content_index=0, transcript=words)
    _use(log, "transcription", "local/whisper", HEARD, item_id=item_id)


def _answer(log: _Writer, words: str, answered_ms: int, response_ms: int, *, cut: bool) -> None:
    response_id, item_id = f"resp_{uuid.uuid4().hex[:20]}", f"item_{uuid.uuid4().hex[:20]}"
    in_it = {"response_id": response_id, "item_id": item_id}
    log.add(
        Direction.SERVER, "response.created", response={"id": response_id, "conversation_id": "conv_sample"}
    )
    log.wait(response_ms * 0.3)
    log.add(Direction.ENGINE, "model.started", response_id=response_id)
    adding = _message(item_id, "assistant", {"type": "output_audio", "transcript": None}, "in_progress")
    log.add(Direction.SERVER, "response.output_item.added", item=adding, response_id=response_id)
    log.add(Direction.SERVER, "conversation.item.added", item=adding)
    log.wait(response_ms * 0.35)
    log.add(Direction.SERVER, "response.output_audio_transcript.delta", delta=words, deltas=1, **in_it)
    audio = {"audio_start_ms": 0, "audio_ms": answered_ms, "deltas": answered_ms // 100, "lasted_ms": 400}
    log.add(Direction.SERVER, "response.output_audio.delta", **audio, **in_it)
    heard_ms = answered_ms // 2 if cut else answered_ms
    log.wait(heard_ms)
    heard = words[: len(words) // 2].rsplit(" ", 1)[0] if cut else words
    if cut:
        log.add(Direction.ENGINE, "item.heard", item_id=item_id, audio_ms=heard_ms, text=heard)
    status = "incomplete" if cut else "completed"
    done = _message(item_id, "assistant", {"type": "output_audio", "transcript": heard}, status)
    log.add(Direction.SERVER, "response.output_item.done", item=done, response_id=response_id)
    log.add(Direction.SERVER, "conversation.item.done", item=done)
    details = {"type": "cancelled", "reason": "turn_detected"} if cut else None
    ended = {
        "id": response_id,
        "status": "cancelled" if cut else "completed",
        "status_details": details,
        "conversation_id": "conv_sample",
    }
    log.add(Direction.SERVER, "response.done", response=ended)
    _use(log, "response", log.session.model, THOUGHT, response_id=response_id)
    _use(log, "speech", "local/piper", spoken(words), response_id=response_id)


def _use(log: _Writer, kind: str, model: str, uses: list[Use], **subject: str) -> None:
    lines = [
        {
            "unit": use.unit,
            "quantity": use.quantity,
            "price_micro": use.price_micro,
            "rate_id": "sample",
            **use.rate,
        }
        for use in uses
    ]
    log.add(
        Direction.ENGINE,
        "usage",
        kind=kind,
        model=model,
        provider=model.partition("/")[0],
        lines=lines,
        unpriced=[],
        price_micro=sum(use.price_micro for use in uses),
        **subject,
    )


def _message(item_id: str, role: str, part: dict[str, Any], status: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "status": status, "content": [part]}
