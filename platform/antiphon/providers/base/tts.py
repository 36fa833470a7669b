"""Text to speech: text goes in piece by piece, audio comes out while text is still arriving.

Audio is PCM16 mono at 24 kHz, little endian, whatever the vendor sends.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TtsConfig:
    voice: str
    language: str | None = None
    speed: float = 1.0  # 0.25 to 1.5


@dataclass(frozen=True, slots=True)
class Spoken:
    """The audio that follows says this text. All `Spoken` texts of a stream join to the text sent."""

    text: str


@dataclass(frozen=True, slots=True)
class Audio:
    pcm: bytes


@dataclass(frozen=True, slots=True)
class WordMark:
    """When a word is heard, in milliseconds from the beginning of the stream's audio."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class TtsUsage:
    characters: int
    audio_ms: int


TtsEvent = Spoken | Audio | WordMark | TtsUsage


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    speed: bool = False
    word_marks: bool = False


class TtsStream(Protocol):
    """The speech of one response."""

    async def send(self, piece: str) -> None:
        """Adds a speakable piece of text, white space included. Waits while too much is queued."""

    def end(self) -> None:
        """Says that no more text follows."""

    def events(self) -> AsyncIterator[TtsEvent]:
        """Spoken and Audio in the order of the text, with word marks wherever the provider has them; TtsUsage last.

        Raises ProviderError.
        """

    @property
    def usage(self) -> TtsUsage:
        """What has been used so far: the characters that the provider was given and the audio that it made."""

    async def aclose(self) -> None:
        """Cancels what is queued and releases everything at once. May be called twice."""


class TextToSpeech(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> TtsCapabilities: ...

    def open(self, config: TtsConfig) -> TtsStream: ...


def chosen_voice(config: TtsConfig, voices: tuple[str, ...]) -> str:
    """The voice that is asked for; the first of `voices` if those are known and it is none."""
    return config.voice if not voices or config.voice in voices else voices[0]
