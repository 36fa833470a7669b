"""What the real models make of a clip: Silero, Smart Turn and Whisper. Each answer is computed once and kept."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import soxr
from clips import Clip
from numpy.typing import NDArray

from antiphon.audio.end_of_turn import SmartTurn
from antiphon.audio.pcm import SAMPLE_RATE, size_of, to_float
from antiphon.audio.vad import Silero, VadService
from antiphon.engine.turns import UNHEARD_MS, WINDOW
from antiphon.providers.local.weights import SILERO_VAD, SMART_TURN, WHISPER_BASE, Weights
from antiphon.providers.local.whisper import Whisper

THREADS = 2

_SCORED_MS = 8000  # what the engine gives the end-of-turn model
_MODEL_RATE = 16_000  # Hz
_AT_ONCE = 64  # streams: the service's largest batch

T = TypeVar("T")


class Ears:
    """Any number of threads may ask; models are loaded when they are first needed. Positions are samples at
    24 kHz in a clip."""

    def __init__(self, folder: Path, weights: Weights) -> None:
        """What was answered in earlier runs is read from `folder`."""
        self._file = folder / "answers.json"
        self._answers = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._weights = weights

    def save(self) -> None:
        self._file.write_text(json.dumps(self._answers))

    def listen(self, clips: Sequence[Clip]) -> None:
        """Runs Silero over clips, many at once, and loads the other models: before threads ask."""
        asyncio.run(self._detect_all([clip for clip in clips if _silero(clip) not in self._answers]))
        _ = self._smart_turn, self._whisper

    def probabilities(self, clip: Clip) -> Sequence[float]:
        """Of speech, in each VAD window of a clip that was listened to."""
        probabilities: list[float] = self._answers[_silero(clip)]
        return probabilities

    def score(self, clip: Clip, start: int, at: int) -> float:
        """Smart Turn's, of a turn that began at `start` and pauses at `at`: asked as the engine asks."""

        def judge() -> float:
            pcm = _part(clip, max(start, at - _SCORED_MS * SAMPLE_RATE // 1000), at) + bytes(
                size_of(UNHEARD_MS)
            )
            return round(self._smart_turn.score(_resampled(pcm)), 4)

        return self._once(f"smart-turn {clip.digest} {start} {at}", judge)

    def text(self, clip: Clip, start: int, at: int) -> str:
        """What Whisper base reads from `start` to `at`, told the language."""

        def recognise() -> str:
            return self._whisper.recognise(_resampled(_part(clip, start, at)), clip.language).text

        return self._once(f"whisper {clip.digest} {start} {at}", recognise)

    def _once(self, question: str, ask: Callable[[], T]) -> T:
        if question not in self._answers:
            self._answers[question] = ask()
        answer: T = self._answers[question]
        return answer

    async def _detect_all(self, clips: Sequence[Clip]) -> None:
        voice_activity = VadService(Silero(self._weights.file(SILERO_VAD)))
        for at in range(0, len(clips), _AT_ONCE):
            batch = clips[at : at + _AT_ONCE]
            detected = await asyncio.gather(*(_detect(voice_activity, clip.pcm) for clip in batch))
            self._answers.update(zip(map(_silero, batch), detected, strict=True))
        voice_activity.close()

    @cached_property
    def _smart_turn(self) -> SmartTurn:
        return SmartTurn(self._weights.file(SMART_TURN))

    @cached_property
    def _whisper(self) -> Whisper:
        return Whisper(self._weights.folder(WHISPER_BASE), THREADS)


async def _detect(voice_activity: VadService, pcm: bytes) -> list[float]:
    heard: list[float] = []
    done = asyncio.get_running_loop().create_future()
    windows = len(pcm) // 2 // WINDOW - 1  # the model hears a little beyond each

    def on_result(probabilities: Sequence[float]) -> None:
        heard.extend(round(probability, 4) for probability in probabilities)
        if len(heard) >= windows and not done.done():
            done.set_result(None)

    stream = voice_activity.open(on_result, done.set_exception)
    stream.push(pcm)
    await done
    stream.close()
    return heard


def _silero(clip: Clip) -> str:
    return f"silero {clip.digest}"


def _part(clip: Clip, start: int, end: int) -> bytes:
    return clip.pcm[2 * start : 2 * end]


def _resampled(pcm: bytes) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = soxr.resample(to_float(pcm), SAMPLE_RATE, _MODEL_RATE, quality="LQ")
    return samples
