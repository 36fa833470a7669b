"""Speech to text: one stream per user turn. Audio is PCM16 mono at 24 kHz, little endian."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class SttConfig:
    language: str | None = None  # ISO 639-1; None lets the model decide
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    partials: bool = False  # whether anybody looks at them
    word_times: bool = False  # whether anybody asks when each word was said; some recognisers work for that


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """What is recognised so far; replaces the partial before it."""

    text: str


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word as it is written, with its punctuation, and when it is said, in ms of the turn's audio."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The whole turn. Empty when nothing was said (noise, a cough). `audio_ms` is what was recognised. `words` are
    those of `text`, in order, where the recogniser knows when each was said and the configuration asks for it."""

    text: str
    audio_ms: int
    language: str | None = None
    words: tuple[SaidWord, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """What the recogniser makes of the speaker's turn: it probably ended, it goes on after all, or it ended."""

    sign: Literal["probably_ended", "resumed", "ended"]


SttEvent = PartialTranscript | TurnSignal | FinalTranscript


@dataclass(frozen=True, slots=True)
class SttUsage:
    """What a stream has used. `audio_ms` is the audio recognised; `open_ms` how long the connection was open, for
    providers that bill that; tokens, for those that count them."""

    audio_ms: int
    open_ms: int = 0
    input_audio_tokens: int = 0
    input_text_tokens: int = 0
    output_text_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    streaming: bool = False  # recognises while audio is pushed, rather than after `finish`
    turn_signals: bool = False
    whole: bool = False  # the final transcript is made from the whole turn anew, and may be asked for early


class SttStream(Protocol):
    """One user turn."""

    def push(self, pcm: bytes) -> None:
        """Adds audio; never blocks."""

    def finish(self) -> None:
        """Says that the turn is over: the final transcript follows."""

    def events(self) -> AsyncIterator[SttEvent]:
        """Partials and signals, then exactly one FinalTranscript. Raises ProviderError."""

    @property
    def usage(self) -> SttUsage | None:
        """What has been used so far, whether or not anything came of it; None before any of it costs."""

    async def aclose(self) -> None:
        """Gives up: releases sockets and queued work. May be called twice."""


class SpeechToText(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> SttCapabilities: ...

    def open(self, config: SttConfig) -> SttStream: ...
