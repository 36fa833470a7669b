"""One model of the catalogue, in the shape in which it is kept."""

from datetime import date
from typing import Literal, cast

from msgspec import Struct

from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.base.stt import SttCapabilities
from antiphon.providers.base.tts import TtsCapabilities

Kind = Literal["language", "speech_to_text", "text_to_speech", "realtime"]
Lifecycle = Literal[
    "active",
    "deprecated",  # works still, and won't for ever
    "retired",
]

MANY = "many"  # in the place of language codes: dozens, and nobody lists which


class EntryBase(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"
):
    """`languages` are ISO 639 codes, or MANY. `unpriced` says why no price is known; empty: one is.

    `source` and `checked` are those of its file, unless it has its own.
    """

    name: str  # provider/model
    languages: tuple[str, ...]
    lifecycle: Lifecycle = "active"
    shutdown_at: date | None = None
    replacement: str | None = None  # provider/model
    unpriced: str = ""
    source: str = ""
    checked: date | None = None

    @property
    def provider(self) -> str:
        return self.name.partition("/")[0]

    def lifecycle_on(self, day: date) -> Lifecycle:
        """What it is by then: a date that was announced comes about by itself."""
        return "retired" if self.shutdown_at is not None and self.shutdown_at <= day else self.lifecycle

    @property
    def kind(self) -> Kind:
        return cast(Kind, self.__struct_config__.tag)


class LanguageEntry(EntryBase, frozen=True, kw_only=True, tag="language"):
    capabilities: LlmCapabilities
    max_output_tokens: int | None = None  # None: not known

    @property
    def voices(self) -> tuple[str, ...]:
        return ()


class SpeechToTextEntry(EntryBase, frozen=True, kw_only=True, tag="speech_to_text"):
    capabilities: SttCapabilities

    @property
    def voices(self) -> tuple[str, ...]:
        return ()


class TextToSpeechEntry(EntryBase, frozen=True, kw_only=True, tag="text_to_speech"):
    """With no `voices`, any name or id of the vendor's is passed on."""

    capabilities: TtsCapabilities
    voices: tuple[str, ...] = ()


class RealtimeEntry(EntryBase, frozen=True, kw_only=True, tag="realtime"):
    capabilities: RealtimeCapabilities
    max_output_tokens: int | None = None

    @property
    def voices(self) -> tuple[str, ...]:
        return self.capabilities.voices


Entry = LanguageEntry | SpeechToTextEntry | TextToSpeechEntry | RealtimeEntry
