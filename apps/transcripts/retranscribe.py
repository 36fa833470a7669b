"""Hears a recorded session once more, with a better model."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import soxr
import structlog
from numpy.typing import NDArray

from antiphon.audio import pcm as pcm16
from antiphon.providers.base.stt import FinalTranscript, SaidWord, SttConfig
from apps.agents.spec import AgentSpec
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import atomic
from apps.privacy.redacting import bleeps_of, keep_bleeps, merged, redact_session
from apps.transcripts.entries import Entry, Word, document_of, entries_from
from apps.transcripts.models import Source
from apps.transcripts.selectors import transcript_find
from apps.transcripts.services import spec_of, transcript_improve
from apps.transcripts.words import spread

if TYPE_CHECKING:
    from apps.conversations.asking import Models

Hear = Callable[[int, int], NDArray[np.float32]]
"""The user's audio from one ms of the session to another, 16 kHz mono in -1..1."""

_HEARD_RATE = 16_000  # Hz
_AT_ONCE = 4  # turns; an hour of audio is never in memory as a whole
_SHORTEST_MS = 100

log = structlog.get_logger(__name__)


def retranscribe(session: RealtimeSession, hear: Hear) -> None:
    """Replaces what the user said by what the agent's `after_call.transcription_model` hears. Does nothing if it
    has none, if there is no transcript, or if this was done; a model that can't be used is logged and changes
    nothing. Raises ProviderError for what may pass."""
    from apps.conversations.asking import (  # all providers, which most processes never ask
        CantAsk,
        with_models,
    )

    spec, transcript = spec_of(session), transcript_find(session)
    model = spec.after_call.transcription_model
    if not model or transcript is None or transcript.source == Source.RETRANSCRIBED:
        return
    entries = entries_from(transcript.entries)
    name = f"again_{uuid.uuid4().hex[:16]}"
    turns = [entry for entry in entries if _is_heard(entry)]
    for number, some in enumerate(_batches(turns)):
        sounds = [_pcm(hear(entry.start_ms, entry.end_ms)) for entry in some]
        configs = [_config(spec, entry) for entry in some]

        async def work(
            models: "Models", sounds: list[bytes] = sounds, configs: list[SttConfig] = configs
        ) -> list[FinalTranscript]:
            hearing = [models.hear(model, *each) for each in zip(sounds, configs, strict=True)]
            return await asyncio.gather(*hearing)

        try:
            heard = with_models(session, work, name=f"{name}_{number}", embedded=not _is_vendors(model))
        except CantAsk as refusal:
            log.warning("session_not_heard_again", model=model, reason=str(refusal))
            return
        for entry, final in zip(some, heard, strict=True):
            _replace(entry, final)
    _keep(session, entries)


@atomic()
def _keep(session: RealtimeSession, entries: Sequence[Entry]) -> None:
    """What is personal in what was only heard now is struck out, too."""
    clean, bleeps = redact_session(session, document_of(entries))
    keep_bleeps(session, merged([*bleeps_of(session), *bleeps]))
    transcript_improve(session=session, entries=entries_from(clean))


def _replace(entry: Entry, final: FinalTranscript) -> None:
    if text := final.text.strip().replace("\0", "\ufffd"):
        entry.text = text
        entry.words, entry.exact = _words(entry, final.words), bool(final.words)
        entry.language = final.language or entry.language


def _words(entry: Entry, said: Sequence[SaidWord]) -> list[Word]:
    """When each was said, as the recogniser has it, else as an estimate."""
    if not said:
        return spread(entry.text, entry.start_ms, entry.end_ms)

    def at(ms: int) -> int:
        return min(max(entry.start_ms + ms, entry.start_ms), entry.end_ms)

    return [(at(word.start_ms), at(word.end_ms), word.text.replace("\0", "\ufffd")) for word in said]


def _is_heard(entry: Entry) -> bool:
    return entry.kind == "user" and entry.end_ms - entry.start_ms >= _SHORTEST_MS


def _batches(turns: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    return (turns[first : first + _AT_ONCE] for first in range(0, len(turns), _AT_ONCE))


def _pcm(samples: NDArray[np.float32]) -> bytes:
    return pcm16.from_float(soxr.resample(samples, _HEARD_RATE, pcm16.SAMPLE_RATE))


def _config(spec: AgentSpec, entry: Entry) -> SttConfig:
    language = spec.hearing.language or entry.language or None
    return SttConfig(language=language, prompt=spec.hearing.vocabulary or None, word_times=True)


def _is_vendors(model: str) -> bool:
    """Not the embedded one's, nor a router's, which may lead there."""
    return model.partition("/")[0] not in ("local", "router")
