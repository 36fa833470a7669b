"""Loads everything that listens: voice activity, end of turn and speech recognition, embedded."""

import logging
from dataclasses import dataclass

import soxr

from antiphon.audio import pcm as pcm16
from antiphon.audio.end_of_turn import SmartTurn
from antiphon.audio.logmel import SAMPLE_RATE
from antiphon.audio.vad import Silero, VadService
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.stt import LocalStt
from antiphon.providers.local.weights import (
    SILERO_VAD,
    SMART_TURN,
    WHISPER_BASE,
    WHISPER_TINY_EN,
    Weights,
    WeightsMissing,
)
from antiphon.providers.local.whisper import Whisper

RECOGNISERS = {  # by the names that sessions use, the better one first
    "local/whisper-base": WHISPER_BASE,
    "local/whisper-tiny.en": WHISPER_TINY_EN,
}

logger = logging.getLogger(__name__)


class PooledEndOfTurn:
    """`engine.ports.EndOfTurn` by the model, in the pool."""

    def __init__(self, model: SmartTurn, pool: InferencePool) -> None:
        self._model = model
        self._pool = pool

    async def score(self, pcm: bytes) -> float:
        return await self._pool.run(Priority.END_OF_TURN, self._judge, pcm)

    def _judge(self, pcm: bytes) -> float:
        rates = (pcm16.SAMPLE_RATE, SAMPLE_RATE)
        return self._model.score(soxr.resample(pcm16.to_float(pcm), *rates, quality="LQ"))


class EveryPauseEnds:
    """`engine.ports.EndOfTurn` without a model: silence alone ends a turn, as with `server_vad`."""

    async def score(self, pcm: bytes) -> float:
        return 1.0


@dataclass(frozen=True, slots=True)
class LocalSpeech:
    """The loaded models. The pool they run in belongs to whoever made it."""

    voice_activity: VadService
    end_of_turn: PooledEndOfTurn | EveryPauseEnds
    speech_to_text: LocalStt | None  # None: not installed

    def close(self) -> None:
        self.voice_activity.close()


def load_local_speech(weights: Weights, pool: InferencePool, recogniser: str | None = None) -> LocalSpeech:
    """Loads and warms up the models that listen: about 3 s. `recogniser` is the one to try first.

    What is missing and can be done without is logged as a warning. Raises WeightsMissing if voice activity is
    missing.
    """
    speech_to_text = load_recogniser(weights, pool, recogniser)
    end_of_turn = _load_end_of_turn(weights, pool)
    silero = Silero(weights.file(SILERO_VAD))
    return LocalSpeech(VadService(silero), end_of_turn, speech_to_text)


def load_recogniser(weights: Weights, pool: InferencePool, preferred: str | None) -> LocalStt | None:
    """`preferred` or else the best that is installed."""
    for name in sorted(RECOGNISERS, key=lambda name: name != preferred):
        try:
            folder = weights.folder(RECOGNISERS[name])
        except WeightsMissing as error:
            logger.warning("%s is left out. %s", name, error)
            continue
        return LocalStt(name, Whisper(folder, pool.threads), pool)
    logger.warning("There is no embedded speech recognition: only recognisers on servers can be used.")
    return None


def _load_end_of_turn(weights: Weights, pool: InferencePool) -> PooledEndOfTurn | EveryPauseEnds:
    try:
        path = weights.file(SMART_TURN)
    except WeightsMissing as error:
        logger.warning("Silence alone will end a turn. %s", error)
        return EveryPauseEnds()
    return PooledEndOfTurn(SmartTurn(path), pool)
