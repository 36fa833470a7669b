"""Speech to text: one stream per user turn. Audio is PCM16 mono at 24 kHz, little endian."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SttConfig:
    language: str | None = None  # ISO 639-1; None lets the model decide
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    partials: bool = False  # whether anybody looks at them


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """What is recognised so far; replaces the partial before it."""

    text: str


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The whole turn. Empty when nothing was said (noise, a cough). `audio_ms` is what was recognised."""

    text: str
    audio_ms: int
    language: str | None = None


SttEvent = PartialTranscript | FinalTranscript


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    streaming: bool = False  # recognises while audio is pushed, rather than after `finish`


class SttStream(Protocol):
    """One user turn."""

    def push(self, pcm: bytes) -> None:
        """Adds audio; never blocks."""

    def finish(self) -> None:
        """Says that the turn is over: the final transcript follows."""

    def events(self) -> AsyncIterator[SttEvent]:
        """Partials, then exactly one FinalTranscript. Raises ProviderError."""

    async def aclose(self) -> None:
        """Gives up: releases sockets and queued work. May be called twice."""


class SpeechToText(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> SttCapabilities: ...

    def open(self, config: SttConfig) -> SttStream: ...
