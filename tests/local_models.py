"""The embedded models, loaded once for all tests of a run."""

import tempfile
from functools import cache
from pathlib import Path

from antiphon.audio.end_of_turn import SmartTurn
from antiphon.audio.vad import Silero
from antiphon.providers.local.weights import SILERO_VAD, SMART_TURN, WHISPER_BASE, Weights
from antiphon.providers.local.whisper import Whisper

_cache_dir = tempfile.TemporaryDirectory(prefix="antiphon-models-")


@cache
def weights() -> Weights:
    return Weights(None, Path(_cache_dir.name))


@cache
def silero() -> Silero:
    return Silero(weights().file(SILERO_VAD))


@cache
def smart_turn() -> SmartTurn:
    return SmartTurn(weights().file(SMART_TURN))


@cache
def whisper() -> Whisper:
    return Whisper(weights().folder(WHISPER_BASE), threads=2)
