"""The session object, what a client may change of it, and how a change is merged in.

A patch says only what the client sent: UNSET keeps, null clears, objects merge into objects. The defaults are
those of a live `session.created` (protocol reference 3.1).
"""

from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

Modality = Literal["text", "audio"]
Eagerness = Literal["low", "medium", "high", "auto"]


class Pcm(Struct, frozen=True, kw_only=True, tag="audio/pcm"):
    rate: Literal[24000] = 24000


AudioFormat = Pcm


class ServerVad(Struct, frozen=True, kw_only=True, tag="server_vad"):
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 200
    idle_timeout_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Struct, frozen=True, kw_only=True, tag="semantic_vad"):
    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = ServerVad | SemanticVad


class Transcription(Struct, frozen=True, kw_only=True, omit_defaults=True):
    model: str = "whisper-1"
    language: str | None = None
    prompt: str | None = None


class NoiseReduction(Struct, frozen=True, kw_only=True):
    type: Literal["near_field", "far_field"]


class AudioInput(Struct, frozen=True, kw_only=True):
    format: AudioFormat = Pcm()
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = ServerVad()


class AudioOutput(Struct, frozen=True, kw_only=True):
    format: AudioFormat = Pcm()
    voice: str = "alloy"
    speed: float = 1.0
    model: str | UnsetType = UNSET


class SessionAudio(Struct, frozen=True, kw_only=True):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(Struct, frozen=True, kw_only=True, tag="function", omit_defaults=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class FunctionChoice(Struct, frozen=True, kw_only=True, tag="function"):
    name: str


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice
MaxTokens = Annotated[int, Meta(ge=1)] | Literal["inf"]


class Reasoning(Struct, frozen=True, kw_only=True):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] = "low"


class RetentionRatio(Struct, frozen=True, kw_only=True, tag="retention_ratio"):
    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: dict[str, Any] | UnsetType = UNSET


class Session(Struct, frozen=True, kw_only=True, tag="realtime"):
    """The effective session, as `session.created` and `session.updated` show it."""

    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    expires_at: int  # unix seconds
    output_modalities: list[Modality] = msgspec.field(default_factory=lambda: ["audio"])
    instructions: str = ""
    audio: SessionAudio = SessionAudio()
    tools: list[FunctionTool] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxTokens = "inf"
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    include: list[str] | None = None
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    providerData: dict[str, Any] | UnsetType = UNSET


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
        kind = self.type if self.type is not UNSET else _tag_of(current or ServerVad())
        if current is None or _tag_of(current) != kind:
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
    prompt: str | None | UnsetType = UNSET

    def onto(self, current: Transcription | None) -> Transcription:
        return cast(Transcription, super().onto(current or Transcription()))


class AudioInputPatch(Patch, frozen=True):
    format: AudioFormat | UnsetType = UNSET
    noise_reduction: NoiseReduction | None | UnsetType = UNSET
    transcription: TranscriptionPatch | None | UnsetType = UNSET
    turn_detection: TurnDetectionPatch | None | UnsetType = UNSET


class VoiceReference(Struct, frozen=True, kw_only=True):
    id: str


class AudioOutputPatch(Patch, frozen=True):
    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceReference | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET
    model: str | UnsetType = UNSET

    def onto(self, current: AudioOutput) -> AudioOutput:
        """A voice may come as an object; it is kept and shown as its id, which every client can read."""
        patch = self
        if isinstance(self.voice, VoiceReference):
            patch = structs.replace(self, voice=self.voice.id)
        return cast(AudioOutput, Patch.onto(patch, current))


class SessionAudioPatch(Patch, frozen=True):
    input: AudioInputPatch | UnsetType = UNSET
    output: AudioOutputPatch | UnsetType = UNSET


class SessionPatch(Patch, frozen=True):
    """The `session` of `session.update`. The model of a connection is fixed: clients resend theirs (some a
    default of their own) with each update, so another name is not an error and changes nothing."""

    type: Literal["realtime"] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    output_modalities: Annotated[list[Modality], Meta(min_length=1)] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: SessionAudioPatch | UnsetType = UNSET
    tools: list[FunctionTool] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | RetentionRatio | UnsetType = UNSET
    tracing: Literal["auto"] | dict[str, Any] | None | UnsetType = UNSET
    prompt: dict[str, Any] | None | UnsetType = UNSET
    include: list[str] | None | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    providerData: dict[str, Any] | UnsetType = UNSET

    def onto(self, current: Session) -> Session:
        patch = structs.replace(self, type=UNSET, model=UNSET)
        if isinstance(self.output_modalities, list):
            patch = structs.replace(patch, output_modalities=[spoken_or_written(self.output_modalities)])
        return cast(Session, Patch.onto(patch, current))


def spoken_or_written(modalities: list[Modality]) -> Modality:
    """One modality for a response: audio always comes with its transcript, so both together mean audio."""
    return "text" if modalities == ["text"] else "audio"


def _tag_of(value: Struct) -> str:
    return str(type(value).__struct_config__.tag)
