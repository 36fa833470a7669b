"""Streams that more than one model works on: what each of them used."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from antiphon.providers.base.stt import SttStream, SttUsage
from antiphon.providers.base.tts import TtsStream, TtsUsage


@runtime_checkable
class RecognisedBySeveral(Protocol):
    @property
    def usages(self) -> Sequence[tuple[str, SttUsage]]:
        """By the full name of the model; only of those that used something."""


@runtime_checkable
class SpokenBySeveral(Protocol):
    @property
    def usages(self) -> Sequence[tuple[str, TtsUsage]]:
        """By the full name of the model; only of those that used something."""


def recognition_usages(name: str, stream: SttStream) -> Sequence[tuple[str, SttUsage]]:
    """What the models behind a stream of the recogniser `name` used, whether or not anything came of it."""
    if isinstance(stream, RecognisedBySeveral):
        return stream.usages
    return [] if stream.usage is None else [(name, stream.usage)]


def speech_usages(name: str, stream: TtsStream) -> Sequence[tuple[str, TtsUsage]]:
    """What the models behind a stream of the voice `name` used, whether or not anything came of it."""
    if isinstance(stream, SpokenBySeveral):
        return stream.usages
    return [(name, stream.usage)] if stream.usage.characters else []
