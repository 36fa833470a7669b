"""Speech recognition with the embedded Whisper models."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.audio import pcm as pcm16
from antiphon.audio.logmel import SAMPLE_RATE
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttCapabilities, SttConfig, SttEvent
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.whisper import FULL_WINDOW, UnknownLanguage, Whisper

P = ParamSpec("P")
T = TypeVar("T")
Samples = NDArray[np.float32]

_EARLIEST_CUT = 20 * SAMPLE_RATE  # samples into a full window
_PAUSE = SAMPLE_RATE // 10  # samples


class LocalStt:
    """A loaded Whisper model as `providers.base.stt.SpeechToText`."""

    def __init__(self, name: str, whisper: Whisper, pool: InferencePool) -> None:
        self._name = name
        self._whisper = whisper
        self._pool = pool

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> SttCapabilities:
        return SttCapabilities(streaming=False)

    def open(self, config: SttConfig) -> "LocalSttStream":
        return LocalSttStream(self._name, self._whisper, self._pool, config)


class LocalSttStream:
    """One turn: collected until it is finished, then recognised in the pool."""

    def __init__(self, name: str, whisper: Whisper, pool: InferencePool, config: SttConfig) -> None:
        self._name = name
        self._whisper = whisper
        self._pool = pool
        self._config = config
        self._pcm = bytearray()
        self._finished = asyncio.Event()
        self._job: asyncio.Future[Any] | None = None
        self._closed = False

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm

    def finish(self) -> None:
        self._finished.set()

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """The final transcript once `finish` was called, or nothing if `aclose` comes before it is ready."""
        await self._finished.wait()
        try:
            transcript = await self._recognise()
        except _Closed:
            return
        except UnknownLanguage as error:
            raise ProviderError("invalid", f"{self._name}: {error}") from error
        except Exception as error:
            raise ProviderError("upstream", f"{self._name} failed: {error}") from error
        yield transcript

    async def aclose(self) -> None:
        self._closed = True
        self._pcm = bytearray()
        self._finished.set()
        if self._job is not None:
            self._job.cancel()

    async def _recognise(self) -> FinalTranscript:
        language = self._config.language and self._config.language.split("-")[0].lower()
        texts = []
        for window in await self._in_pool(windows_of, bytes(self._pcm)):
            recognised = await self._in_pool(self._whisper.recognise, window, language, self._config.prompt)
            if recognised.text:
                texts.append(recognised.text)
                language = recognised.language  # of the whole turn, once it was heard
        return FinalTranscript(" ".join(texts), pcm16.duration_ms(len(self._pcm)), language)

    async def _in_pool(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One window is one job, so that a long turn does not hold up the others. Raises _Closed."""
        if self._closed:
            raise _Closed
        job = self._pool.submit(Priority.FINAL_TRANSCRIPT, call, *args, **kwargs)
        self._job = job
        try:
            await asyncio.wait((job,))
        finally:
            job.cancel()  # the reader was cancelled; a job that is done does not mind
        if self._closed:
            raise _Closed
        return job.result()


class _Closed(Exception):
    """The stream was closed while it was being recognised."""


def windows_of(pcm: bytes) -> list[Samples]:
    """The turn as pieces of at most FULL_WINDOW samples at 16 kHz, cut where it is quietest."""
    samples = soxr.resample(pcm16.to_float(pcm), pcm16.SAMPLE_RATE, SAMPLE_RATE)
    windows = []
    while len(samples) > FULL_WINDOW:
        moments = samples[_EARLIEST_CUT:FULL_WINDOW].reshape(-1, _PAUSE)
        quietest = int(np.argmin(np.square(moments).sum(axis=1)))
        cut = _EARLIEST_CUT + quietest * _PAUSE + _PAUSE // 2
        windows.append(samples[:cut])
        samples = samples[cut:]
    return [*windows, samples] if len(samples) else windows
