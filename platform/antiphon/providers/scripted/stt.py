"""A recogniser that hears what its script says, whatever the audio is."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NoReturn

from antiphon.audio.pcm import duration_ms
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import (
    FinalTranscript,
    PartialTranscript,
    SttCapabilities,
    SttConfig,
    SttEvent,
    SttUsage,
    TurnSignal,
)
from antiphon.providers.scripted.record import State


@dataclass(frozen=True, slots=True)
class Heard:
    """What is recognised in one turn, and when.

    The final transcript comes `delay` seconds after the end of the turn (`math.inf`: never). With
    `partial_every_ms`, each such stretch of audio gives a partial that is one word longer. `signals` are given
    once so many milliseconds of audio were pushed. `error` comes in place of the final transcript, or once
    `error_at_ms` of audio was pushed.
    """

    text: str = ""
    delay: float = 0.0
    partial_every_ms: int | None = None
    signals: tuple[tuple[int, TurnSignal], ...] = ()
    error: ProviderError | None = None
    error_at_ms: int | None = None
    language: str | None = None


class ScriptedStt:
    """Hears its turns one after the other, the last one for ever. `streams` are those that were opened."""

    def __init__(self, *turns: Heard, name: str = "scripted/stt") -> None:
        if not turns:
            raise ValueError("ScriptedStt needs at least one turn, for example Heard('Hello.').")
        self.name = name
        signals = any(turn.signals for turn in turns)
        self.capabilities = SttCapabilities(
            streaming=signals or any(turn.partial_every_ms for turn in turns), turn_signals=signals
        )
        self.turns = list(turns)
        self.streams: list[ScriptedSttStream] = []

    def open(self, config: SttConfig) -> "ScriptedSttStream":
        heard = self.turns[min(len(self.streams), len(self.turns) - 1)]
        stream = ScriptedSttStream(heard, config)
        self.streams.append(stream)
        return stream


class ScriptedSttStream:
    """`pcm` is the audio pushed so far."""

    def __init__(self, heard: Heard, config: SttConfig) -> None:
        self.config = config
        self.pcm = bytearray()
        self.state: State = "running"
        self._heard = heard
        self._finished = False
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    def push(self, pcm: bytes) -> None:
        self.pcm += pcm
        self._changed.set()

    def finish(self) -> None:
        self._finished = True
        self._changed.set()

    async def aclose(self) -> None:
        if self.state == "running":
            self.state = "cancelled"
        self._closed.set()
        self._changed.set()

    async def events(self) -> AsyncIterator[SttEvent]:
        words = self._heard.text.split()
        partials = 0
        signals = deque(self._heard.signals)
        while not self._finished and not self._closed.is_set():
            await self._changed.wait()
            self._changed.clear()
            self._fail_if_due()
            while partials < self._partials_due(len(words)):
                partials += 1
                yield PartialTranscript(" ".join(words[:partials]))
            while signals and signals[0][0] <= self._audio_ms:
                yield signals.popleft()[1]
        if await self._closed_within(self._heard.delay):
            return
        if self._heard.error:
            self._fail(self._heard.error)
        self.state = "finished"
        yield FinalTranscript(self._heard.text, self._audio_ms, self._heard.language or self.config.language)

    @property
    def usage(self) -> SttUsage | None:
        return SttUsage(self._audio_ms) if self.pcm else None

    @property
    def _audio_ms(self) -> int:
        return duration_ms(len(self.pcm))

    def _partials_due(self, words: int) -> int:
        every = self._heard.partial_every_ms
        return min(words, self._audio_ms // every) if every else 0

    def _fail_if_due(self) -> None:
        at = self._heard.error_at_ms
        if self._heard.error and at is not None and self._audio_ms >= at:
            self._fail(self._heard.error)

    def _fail(self, error: ProviderError) -> NoReturn:
        self.state = "failed"
        raise error

    async def _closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._closed.wait()
        except TimeoutError:
            return False
        return True
