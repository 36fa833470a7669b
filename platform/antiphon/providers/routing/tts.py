"""A router as a voice: when a model fails, the next one speaks the rest of the text."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from antiphon.audio.pcm import duration_ms
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import (
    Audio,
    Spoken,
    TextToSpeech,
    TtsCapabilities,
    TtsConfig,
    TtsEvent,
    TtsStream,
    TtsUsage,
    WordMark,
)
from antiphon.providers.routing.format import VoiceRouter
from antiphon.providers.routing.legs import Leg, Patience
from antiphon.providers.routing.process import RoutingMemory

ANY_VOICE = "*"

_USUAL_MS = 60.0  # for a character, while a voice's own pace is not known
_WHOLE = 0.75  # of the audio that a piece should have: it was spoken to its end


class RoutedTts:
    """`models` are those of the router that can be found, in its order."""

    def __init__(
        self,
        name: str,
        router: VoiceRouter,
        models: Sequence[TextToSpeech],
        *,
        tenant: str,
        memory: RoutingMemory,
    ) -> None:
        self.name = name
        self.capabilities = TtsCapabilities(
            speed=all(model.capabilities.speed for model in models),
            word_marks=all(model.capabilities.word_marks for model in models),
        )
        self._voices = {candidate.model: candidate.voices for candidate in router.candidates}
        self._patience = router.patience_ms / 1000
        self._models = models
        self._tenant = tenant
        self._memory = memory

    def open(self, config: TtsConfig) -> "RoutedSpeech":
        health = self._memory.health
        candidates = [
            _Candidate(
                model,
                replace(config, voice=voice_for(config.voice, self._voices[model.name])),
                f"{self._tenant}:{model.name}",
            )
            for model in self._models
        ]
        candidates.sort(key=lambda candidate: health.vital(candidate.key).breaker == "open")
        return RoutedSpeech(candidates, self._patience, self._memory, marks=self.capabilities.word_marks)


def voice_for(voice: str, voices: Mapping[str, str]) -> str:
    """What a candidate calls this voice; one that it has no name for is left to the model."""
    return voices.get(voice) or voices.get(ANY_VOICE) or voice


@dataclass(frozen=True, slots=True)
class _Candidate:
    model: TextToSpeech
    config: TtsConfig
    key: str


@dataclass(eq=False, slots=True)
class _Part:
    """What one model speaks. Positions are characters of the whole text."""

    leg: Leg
    stream: TtsStream
    begins: int
    piece: int  # where the piece begins that it speaks ...
    spoken: int  # ... and ends
    piece_bytes: int = 0  # of audio
    bytes: int = 0
    marks: list[tuple[float, int]] = field(default_factory=list)  # when a word ends (ms), and where
    feeding: asyncio.Task[None] | None = None

    def heard(self) -> int:
        """How much of the text was spoken. Exact where words were marked; else the last piece counts as spoken if
        it has about the audio that it should have, and not at all if it has less."""
        marked = [at for ends, at in self.marks if ends <= duration_ms(self.bytes) and at > self.piece]
        if marked:
            return marked[-1]
        before = self.piece - self.begins
        pace = duration_ms(self.bytes - self.piece_bytes) / before if before else _USUAL_MS
        whole = duration_ms(self.piece_bytes) >= _WHOLE * pace * (self.spoken - self.piece)
        return self.spoken if whole else self.piece


class RoutedSpeech:
    """A `TtsStream`."""

    def __init__(
        self, candidates: Sequence[_Candidate], patience: float, memory: RoutingMemory, *, marks: bool
    ) -> None:
        self._waiting = deque(candidates)
        self._seconds = patience
        self._patience = Patience()
        self._health = memory.health
        self._marks = marks
        self._text = ""
        self._ends: list[int] = []  # of the pieces
        self._ended = False
        self._over = False
        self._more = asyncio.Event()  # there is text, or its end
        self._fed = 0  # characters that a model has taken
        self._taken = asyncio.Event()
        self._shown = 0  # characters that were given out as spoken
        self._streams: list[tuple[str, TtsStream]] = []
        self._closing: list[asyncio.Task[None]] = []
        self._part = self._ask_next(0)

    async def send(self, piece: str) -> None:
        """Waits until a model has taken it. Does nothing after an error or `aclose`."""
        if not piece or self._over:
            return
        self._text += piece
        end = len(self._text)
        self._ends.append(end)
        self._more.set()
        while self._fed < end and not self._over:
            self._taken.clear()
            await self._taken.wait()

    def end(self) -> None:
        self._ended = True
        self._more.set()

    async def events(self) -> AsyncIterator[TtsEvent]:
        """Text that has to be repeated is not given out as `Spoken` again."""
        before_ms = 0
        while True:
            part = self._part
            try:
                events = part.stream.events()
                while (event := await self._next(part, events)) is not None:
                    match event:
                        case Spoken(text):
                            if fresh := self._fresh(part, text):
                                yield Spoken(fresh)
                        case Audio(pcm):
                            part.leg.spoke()
                            part.bytes += len(pcm)
                            part.piece_bytes += len(pcm)
                            yield event
                        case WordMark(word, start, end) if self._marks:
                            self._mark(part, word, end)
                            yield WordMark(word, before_ms + start, before_ms + end)
                break
            except ProviderError as error:
                part.leg.end(failed=True)
                if self._over or not self._waiting:
                    error.started |= before_ms > 0 or part.bytes > 0
                    self._stop()
                    raise
            before_ms += duration_ms(part.bytes)
            self._closing.append(asyncio.create_task(_close(part), name="close a voice"))
            self._part = self._ask_next(self._resume_at(part))
        if not self._over:
            part.leg.end()
            yield self.usage

    @property
    def usages(self) -> Sequence[tuple[str, TtsUsage]]:
        return [(name, stream.usage) for name, stream in self._streams if stream.usage.characters]

    @property
    def usage(self) -> TtsUsage:
        """Of all models together."""
        usages = [usage for _, usage in self.usages]
        return TtsUsage(sum(u.characters for u in usages), sum(u.audio_ms for u in usages))

    async def aclose(self) -> None:
        self._stop()
        self._part.leg.end()
        await _close(self._part)
        await asyncio.gather(*self._closing)

    async def _next(self, part: _Part, events: AsyncIterator[TtsEvent]) -> TtsEvent | None:
        self._be_patient_again(part)
        return await self._patience.next(events, part.leg.name)

    def _be_patient_again(self, part: _Part) -> None:
        """A voice that has spoken is waited for as long as one that has not, while it owes a piece, or its end."""
        owes = self._ended or part.spoken < self._fed
        if part.bytes:
            self._patience.ends_in(self._seconds if owes and self._waiting else None)

    def _ask_next(self, begins: int) -> _Part:
        candidate = self._waiting.popleft()
        name = candidate.model.name
        stream = candidate.model.open(candidate.config)
        self._streams.append((name, stream))
        self._patience.ends_in(None)
        part = _Part(Leg(name, self._health, candidate.key), stream, begins, piece=begins, spoken=begins)
        part.feeding = asyncio.create_task(self._feed(part), name="feed a voice")
        return part

    async def _feed(self, part: _Part) -> None:
        at = part.begins
        with suppress(ProviderError):  # its events raise it, too
            while True:
                while at < len(self._text):
                    if at == part.begins:
                        part.leg.waits()
                        self._patience.ends_in(self._seconds if self._waiting else None)
                    end = self._ends[bisect_right(self._ends, at)]
                    await part.stream.send(self._text[at:end])
                    at = end
                    self._fed = max(self._fed, at)
                    self._taken.set()
                    self._be_patient_again(part)
                if self._ended:
                    part.stream.end()
                    self._be_patient_again(part)
                    return
                self._more.clear()
                await self._more.wait()

    def _fresh(self, part: _Part, text: str) -> str:
        """What of a spoken piece was not given out before."""
        part.piece, part.spoken = part.spoken, part.spoken + len(text)
        part.piece_bytes = 0
        fresh = self._text[max(self._shown, part.piece) : part.spoken]
        self._shown = max(self._shown, part.spoken)
        return fresh

    def _mark(self, part: _Part, word: str, ends: float) -> None:
        at = self._text.find(word, part.marks[-1][1] if part.marks else part.begins)
        if at >= 0:
            part.marks.append((ends, at + len(word)))

    def _resume_at(self, part: _Part) -> int:
        """Where the next model begins: at a letter or digit, for nothing else can be spoken."""
        at = part.heard()
        while at < part.spoken and not self._text[at].isalnum():
            at += 1
        return at

    def _stop(self) -> None:
        self._over = True
        self._taken.set()


async def _close(part: _Part) -> None:
    assert part.feeding is not None
    part.feeding.cancel()
    await asyncio.wait([part.feeding])
    await part.stream.aclose()
    if not part.feeding.cancelled():
        part.feeding.result()
