"""Speech recognition with the embedded Whisper models."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.audio import pcm as pcm16
from antiphon.audio.logmel import SAMPLE_RATE
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import (
    FinalTranscript,
    PartialTranscript,
    SaidWord,
    SttCapabilities,
    SttConfig,
    SttEvent,
    SttUsage,
)
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.whisper import FULL_WINDOW, Recognised, UnknownLanguage, Whisper

P = ParamSpec("P")
T = TypeVar("T")
Samples = NDArray[np.float32]

_EARLIEST_CUT = 20 * SAMPLE_RATE  # samples into a full window
_PAUSE = SAMPLE_RATE // 10  # samples
_BETWEEN_PARTIALS = pcm16.size_of(800)  # bytes of new audio


@dataclass(frozen=True, slots=True)
class _Heard:
    """In all windows."""

    text: str
    language: str | None
    words: tuple[SaidWord, ...]


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
        return SttCapabilities(streaming=True, whole=True)

    def open(self, config: SttConfig) -> "LocalSttStream":
        return LocalSttStream(self._name, self._whisper, self._pool, config)


class LocalSttStream:
    """One turn: recognised in the pool when it is finished, and now and then before, where threads are spare."""

    def __init__(self, name: str, whisper: Whisper, pool: InferencePool, config: SttConfig) -> None:
        self._name = name
        self._whisper = whisper
        self._pool = pool
        self._config = config
        self._pcm = bytearray()
        self._heard = 0  # bytes of which there was a partial
        self._full: list[Recognised] = []  # windows that will not change
        self._language = config.language and config.language.split("-")[0].lower()
        self._used_ms = 0
        self._finished = False
        self._news = asyncio.Event()
        self._job: asyncio.Future[Any] | None = None
        self._closed = False

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm
        if self._partial_is_due:
            self._news.set()

    def finish(self) -> None:
        self._finished = True
        self._news.set()
        if self._job is not None:
            self._job.cancel()  # a partial that nobody needs any more

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """Partials if they are wanted, the final transcript after `finish`, nothing more after `aclose`."""
        try:
            while not self._finished:
                await self._news.wait()
                self._news.clear()
                if not self._finished and (text := await self._partial()):
                    yield PartialTranscript(text)
            yield await self._final()
        except _Closed:
            return
        except UnknownLanguage as error:
            raise ProviderError("invalid", f"{self._name}: {error}") from error
        except Exception as error:
            raise ProviderError("upstream", f"{self._name} failed: {error}") from error

    @property
    def usage(self) -> SttUsage | None:
        return SttUsage(self._used_ms) if self._used_ms else None

    async def aclose(self) -> None:
        self._closed = True
        self._pcm = bytearray()
        self._finished = True
        self._news.set()
        if self._job is not None:
            self._job.cancel()

    @property
    def _partial_is_due(self) -> bool:
        return (
            self._config.partials
            and len(self._pcm) - self._heard >= _BETWEEN_PARTIALS
            and self._pool.has_spare
        )

    async def _partial(self) -> str:
        """Of all audio so far; empty if the turn ended meanwhile."""
        self._heard = len(self._pcm)
        try:
            recognised = await self._recognise(Priority.PARTIAL)
        except _Dropped:
            return ""
        return recognised.text

    async def _final(self) -> FinalTranscript:
        self._used_ms = pcm16.duration_ms(len(self._pcm))
        heard = await self._recognise(Priority.FINAL_TRANSCRIPT)
        return FinalTranscript(heard.text, pcm16.duration_ms(len(self._pcm)), heard.language, heard.words)

    async def _recognise(self, priority: Priority) -> _Heard:
        """All so far. One window is one job, so that a long turn does not hold up others."""
        windows = await self._in_pool(priority, windows_of, bytes(self._pcm))
        heard, language = list(self._full), self._language
        for window in windows[len(heard) :]:
            recognised = await self._in_pool(
                priority,
                self._whisper.recognise,
                window,
                language,
                self._config.prompt,
                word_times=self._config.word_times and priority is Priority.FINAL_TRANSCRIPT,
            )
            heard.append(recognised)
            if recognised.text:
                language = recognised.language  # of the whole turn, once it was heard
            if len(heard) < len(windows):
                self._full, self._language = list(heard), language
        text = " ".join(each.text for each in heard if each.text)
        return _Heard(text, language, tuple(_words(heard, windows)))

    async def _in_pool(
        self, priority: Priority, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Raises _Closed, and _Dropped for a partial whose turn is over."""
        if self._closed:
            raise _Closed
        job = self._pool.submit(priority, call, *args, **kwargs)
        self._job = job
        try:
            await asyncio.wait((job,))
        finally:
            job.cancel()  # the reader was cancelled; a job that is done does not mind
        if self._closed:
            raise _Closed
        if priority is Priority.PARTIAL and self._finished:
            raise _Dropped
        return job.result()


class _Dropped(Exception):
    """The final transcript is wanted instead."""


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


def _words(heard: Sequence[Recognised], windows: Sequence[Samples]) -> Iterator[SaidWord]:
    """Those of all windows, none if there is one without times: a partial's, which was full before the end."""
    if any(each.text and not each.words for each in heard):
        return
    start = 0  # samples
    for each, window in zip(heard, windows, strict=True):
        before = start * 1000 // SAMPLE_RATE
        for word in each.words:
            yield SaidWord(word.text, before + word.start_ms, before + word.end_ms)
        start += len(window)
