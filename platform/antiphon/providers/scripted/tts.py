"""A voice whose audio says which text it is: every sample is the code point of the character being spoken."""

import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass

import numpy as np

from antiphon.audio.pcm import BYTES_PER_SAMPLE, duration_ms, size_of
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.piecewise import PiecewiseSpeech, Synthesize
from antiphon.providers.base.tts import Audio, TtsCapabilities, TtsConfig, TtsEvent, TtsStream, WordMark
from antiphon.providers.scripted.record import Call, pause, record


@dataclass(frozen=True, slots=True)
class Speech:
    """How one response is spoken: each piece of text starts after `delay` seconds (`math.inf`: never), and a
    second of audio takes `pace` seconds to make. After `breaks_after_ms` of audio comes `error`, or nothing
    more for ever when there is none. `marks` are given right before the audio in which their word begins.
    """

    delay: float = 0.0
    pace: float = 0.0
    breaks_after_ms: int | None = None
    error: ProviderError | None = None
    marks: tuple[WordMark, ...] = ()


class ScriptedTts:
    """Speaks its responses one after the other as `speeches` say, the last one for ever.

    `configs` has one entry for each stream, `calls` one for each piece whose synthesis began.
    """

    def __init__(
        self,
        *speeches: Speech,
        ms_per_character: int = 60,
        chunk_ms: int = 100,
        name: str = "scripted/tts",
    ) -> None:
        self.name = name
        self.speeches = list(speeches) or [Speech()]
        self.capabilities = TtsCapabilities(word_marks=any(speech.marks for speech in self.speeches))
        self.ms_per_character = ms_per_character
        self.configs: list[TtsConfig] = []
        self.calls: list[Call[str]] = []
        self._chunk = size_of(chunk_ms)

    def open(self, config: TtsConfig) -> TtsStream:
        speech = self.speeches[min(len(self.configs), len(self.speeches) - 1)]
        self.configs.append(config)
        audio_ms = 0  # of the pieces so far

        async def synthesize(piece: str, first: bool) -> AsyncGenerator[bytes, None]:
            nonlocal audio_ms
            whole = pcm_of(piece, self.ms_per_character)
            pcm = whole
            if speech.breaks_after_ms is not None:
                pcm = whole[: size_of(max(0, speech.breaks_after_ms - audio_ms))]
            audio_ms += len(piece) * self.ms_per_character
            with record(self.calls, piece):
                await pause(speech.delay)
                for start in range(0, len(pcm), self._chunk):
                    chunk = pcm[start : start + self._chunk]
                    await pause(speech.pace * duration_ms(len(chunk)) / 1000)
                    yield chunk
                if len(pcm) < len(whole):
                    await _break(speech.error)

        return _MarkedSpeech(synthesize, speech.marks)

    def text_of(self, pcm: bytes) -> str:
        """The text that audio of this voice says, up to the character during which it ends."""
        return text_of(pcm, self.ms_per_character)


class _MarkedSpeech(PiecewiseSpeech):
    def __init__(self, synthesize: Synthesize, marks: Iterable[WordMark]) -> None:
        super().__init__(synthesize)
        self._marks = deque(marks)

    async def events(self) -> AsyncIterator[TtsEvent]:
        size = 0
        async for event in super().events():
            if isinstance(event, Audio):
                size += len(event.pcm)
                while self._marks and self._marks[0].start_ms < duration_ms(size):
                    yield self._marks.popleft()
            yield event


def pcm_of(text: str, ms_per_character: int) -> bytes:
    """The audio of a text. Characters beyond U+FFFF lose their upper bits."""
    codes = np.array([ord(character) & 0xFFFF for character in text], dtype="<u2")
    return np.repeat(codes, size_of(ms_per_character) // BYTES_PER_SAMPLE).tobytes()


def text_of(pcm: bytes, ms_per_character: int) -> str:
    codes = np.frombuffer(pcm, dtype="<u2")[:: size_of(ms_per_character) // BYTES_PER_SAMPLE]
    return "".join(map(chr, codes.tolist()))


async def _break(error: ProviderError | None) -> None:
    if error is not None:
        raise error
    await pause(math.inf)
