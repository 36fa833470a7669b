"""What a client may change of its session, and how a change is merged in.

A patch says only what the client sent: UNSET keeps, null clears, objects merge into objects.
"""

from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from antiphon.protocol import provider_data
from antiphon.protocol.session import (
    AudioFormat,
    AudioOutput,
    Eagerness,
    MaxTokens,
    Modality,
    NoiseReduction,
    Pcm,
    Pcma,
    Pcmu,
    Prompt,
    Reasoning,
    SemanticVad,
    ServerVad,
    Session,
    SessionKind,
    ToolChoice,
    ToolConfig,
    Transcription,
    Truncation,
    TurnDetection,
    tag_of,
)

FormatName = Literal["pcm16", "g711_ulaw", "g711_alaw", "audio/pcm", "audio/pcmu", "audio/pcma"]
"""Formats as bare strings, which clients of older or other protocols send in the same place."""

_FORMATS: dict[str, AudioFormat] = {
    "pcm16": Pcm(),
    "audio/pcm": Pcm(),
    "g711_ulaw": Pcmu(),
    "audio/pcmu": Pcmu(),
    "g711_alaw": Pcma(),
    "audio/pcma": Pcma(),
}

Temperature = Annotated[float, Meta(ge=0, le=2)]
"""Of sampling. GA has none; the beta and Inworld do."""


class Patch(Struct, frozen=True, kw_only=True):
    """A partial object. `onto` gives the object it was merged into; None stands for an absent one."""

    def onto(self, current: Any) -> Any:
        changes = {}
        for name in self.__struct_fields__:
            new = getattr(self, name)
            if new is UNSET:
                continue
            changes[name] = new.onto(getattr(current, name)) if isinstance(new, Patch) else new
        return structs.replace(current, **changes)


_Count = Annotated[int, Meta(ge=0, le=60_000)]


class TurnDetectionPatch(Patch, frozen=True):
    type: Literal["server_vad", "semantic_vad"] | UnsetType = UNSET
    threshold: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    prefix_padding_ms: _Count | UnsetType = UNSET
    silence_duration_ms: _Count | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | None | UnsetType = UNSET
    eagerness: Eagerness | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET

    def onto(self, current: TurnDetection | None) -> TurnDetection:
        """Another type starts from that type's defaults; what it does not have is left out."""
        kind = self.type if self.type is not UNSET else tag_of(current or ServerVad())
        if current is None or tag_of(current) != kind:
            current = ServerVad() if kind == "server_vad" else SemanticVad()
        changes = {
            name: value
            for name in current.__struct_fields__
            if (value := getattr(self, name, UNSET)) is not UNSET
        }
        return structs.replace(current, **changes)


class TranscriptionPatch(Patch, frozen=True):
    model: str | UnsetType = UNSET
    language: str | None | UnsetType = UNSET
    languages: list[str] | None | UnsetType = UNSET
    prompt: str | None | UnsetType = UNSET
    keywords: list[str] | None | UnsetType = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None | UnsetType = UNSET

    def onto(self, current: Transcription | None) -> Transcription:
        return cast(Transcription, super().onto(current or Transcription(model="whisper-1")))


class NoiseReductionPatch(Patch, frozen=True):
    type: Literal["near_field", "far_field"] | UnsetType = UNSET
    strength: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET

    def onto(self, current: NoiseReduction | None) -> NoiseReduction:
        return cast(NoiseReduction, super().onto(current or NoiseReduction(type="near_field")))


class AudioInputPatch(Patch, frozen=True):
    format: AudioFormat | FormatName | UnsetType = UNSET
    noise_reduction: NoiseReductionPatch | None | UnsetType = UNSET
    transcription: TranscriptionPatch | None | UnsetType = UNSET
    turn_detection: TurnDetectionPatch | None | UnsetType = UNSET

    def onto(self, current: Any) -> Any:
        return Patch.onto(structs.replace(self, format=format_named(self.format)), current)


class VoiceReference(Struct, frozen=True, kw_only=True):
    id: str


class AudioOutputPatch(Patch, frozen=True):
    format: AudioFormat | FormatName | UnsetType = UNSET
    voice: str | VoiceReference | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET
    model: str | UnsetType = UNSET

    def onto(self, current: AudioOutput) -> AudioOutput:
        """A voice may come as an object; it is kept and shown as its id, which every client can read."""
        patch = structs.replace(self, format=format_named(self.format))
        if isinstance(self.voice, VoiceReference):
            patch = structs.replace(patch, voice=self.voice.id)
        return cast(AudioOutput, Patch.onto(patch, current))


class SessionAudioPatch(Patch, frozen=True):
    input: AudioInputPatch | UnsetType = UNSET
    output: AudioOutputPatch | UnsetType = UNSET


class SessionPatch(Patch, frozen=True):
    """The `session` of `session.update`. What its fields mean is told by those of `Session`.

    `model` changes nothing, for clients resend theirs with each update, and that must not be an error (protocol
    reference 1.1).
    """

    type: SessionKind | UnsetType = UNSET
    model: str | UnsetType = UNSET
    modelId: str | UnsetType = UNSET
    """Inworld's: changes the model, from the next response on. Shown as `model`."""
    output_modalities: Annotated[list[Modality], Meta(min_length=1)] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: SessionAudioPatch | UnsetType = UNSET
    tools: list[ToolConfig] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET
    tracing: Literal["auto"] | dict[str, Any] | None | UnsetType = UNSET
    prompt: Prompt | None | UnsetType = UNSET
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    temperature: Temperature | UnsetType = UNSET
    providerData: dict[str, Any] | None | UnsetType = UNSET

    def onto(self, current: Session) -> Session:
        """Raises Refused for provider data that has a bad value."""
        patch = structs.replace(self, model=self.modelId, modelId=UNSET)
        if isinstance(self.output_modalities, list):
            patch = structs.replace(patch, output_modalities=[spoken_or_written(self.output_modalities)])
        if self.providerData is not UNSET:
            data = provider_data.updated(current.providerData, self.providerData)
            current = structs.replace(current, providerData=data)
            patch = structs.replace(patch, providerData=UNSET)
        return cast(Session, Patch.onto(patch, current))


def spoken_or_written(modalities: list[Modality]) -> Modality:
    """One modality for a response: audio always comes with its transcript, so both together mean audio."""
    return "text" if modalities == ["text"] else "audio"


def format_named(value: AudioFormat | FormatName | UnsetType) -> AudioFormat | UnsetType:
    return _FORMATS[value] if isinstance(value, str) else value
