"""What the beta writes otherwise than GA (protocol reference 3.4): one Struct for each such event and object."""

from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from antiphon.protocol import server_events as ev
from antiphon.protocol.dialects.flat import (
    FlatResponseCreate,
    FlatResponseParams,
    FlatSessionPatch,
    FlatSessionUpdate,
    TranscriptionSessionUpdate,
    Unchanged,
)
from antiphon.protocol.items import Item
from antiphon.protocol.responses import ResponseParams, ResponseStatus, Spent, StatusDetails, Usage
from antiphon.protocol.session import (
    FunctionChoice,
    MaxTokens,
    McpChoice,
    Modality,
    NoiseReduction,
    Prompt,
    ToolChoice,
    ToolConfig,
    Transcription,
    TranscriptionTurnDetection,
    TurnDetection,
)
from antiphon.protocol.session_update import SessionPatch

Temperature = Annotated[float, Meta(ge=0.6, le=1.2)]
NamedChoice = str | FunctionChoice | McpChoice
"""What is no mode is the name of a function."""


def choice_named(choice: NamedChoice | UnsetType) -> ToolChoice | UnsetType:
    if choice in ("auto", "none", "required"):
        return cast(ToolChoice, choice)
    return FunctionChoice(name=choice) if isinstance(choice, str) else choice


class BetaSessionPatch(FlatSessionPatch, frozen=True):
    temperature: Temperature | UnsetType = UNSET
    tool_choice: NamedChoice | UnsetType = UNSET  # type: ignore[assignment]  # wider than GA's

    def nested(self) -> SessionPatch:
        return structs.replace(super().nested(), tool_choice=choice_named(self.tool_choice))


class BetaResponseParams(FlatResponseParams, frozen=True):
    temperature: Temperature | UnsetType = UNSET
    tool_choice: NamedChoice | UnsetType = UNSET  # type: ignore[assignment]  # wider than GA's

    def nested(self) -> ResponseParams:
        return structs.replace(super().nested(), tool_choice=choice_named(self.tool_choice))


class BetaSessionUpdate(FlatSessionUpdate, frozen=True, tag="session.update"):
    session: BetaSessionPatch


class BetaResponseCreate(FlatResponseCreate, frozen=True, tag="response.create"):
    response: BetaResponseParams | None = None


BetaEvent = Unchanged | BetaSessionUpdate | BetaResponseCreate | TranscriptionSessionUpdate


class ShownSecret(Struct, frozen=True, kw_only=True):
    value: str
    expires_at: int  # unix seconds


class BetaSession(Struct, frozen=True, kw_only=True):
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    call_id: str | UnsetType = UNSET
    resume_token: str | UnsetType = UNSET
    model: str
    expires_at: int  # unix seconds
    modalities: list[Modality]
    instructions: str
    voice: str
    speed: float
    input_audio_format: str
    output_audio_format: str
    input_audio_transcription: Transcription | None
    input_audio_noise_reduction: NoiseReduction | None
    turn_detection: TurnDetection | None
    tools: list[ToolConfig]
    tool_choice: str
    temperature: float
    max_response_output_tokens: MaxTokens
    tracing: Literal["auto"] | dict[str, Any] | None
    prompt: Prompt | None
    include: list[str] | None
    providerData: dict[str, Any] | UnsetType = UNSET
    client_secret: ShownSecret | UnsetType = UNSET  # only in the answer to a request for one


class BetaTranscriptionSession(Struct, frozen=True, kw_only=True):
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str
    call_id: str | UnsetType = UNSET
    resume_token: str | UnsetType = UNSET
    expires_at: int
    input_audio_format: str
    input_audio_transcription: Transcription | None
    input_audio_noise_reduction: NoiseReduction | None
    turn_detection: TranscriptionTurnDetection | None
    include: list[str] | None
    client_secret: ShownSecret | UnsetType = UNSET


class BetaResponse(Struct, frozen=True, kw_only=True):
    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None
    output: list[Item]
    conversation_id: str | None
    modalities: list[Modality]
    voice: str
    output_audio_format: str
    temperature: float
    max_output_tokens: MaxTokens
    usage: Usage | None
    metadata: dict[str, str] | None
    antiphon_usage: Spent | UnsetType = UNSET


class BetaSessionCreated(ev.ServerEvent, tag="session.created"):
    session: BetaSession


class BetaSessionUpdated(ev.ServerEvent, tag="session.updated"):
    session: BetaSession


class TranscriptionSessionCreated(ev.ServerEvent, tag="transcription_session.created"):
    session: BetaTranscriptionSession


class TranscriptionSessionUpdated(ev.ServerEvent, tag="transcription_session.updated"):
    session: BetaTranscriptionSession


class ItemCreated(ev.ServerEvent, tag="conversation.item.created"):
    previous_item_id: str | None
    item: Item


class BetaResponseCreated(ev.ServerEvent, tag="response.created"):
    response: BetaResponse


class BetaResponseDone(ev.ServerEvent, tag="response.done"):
    response: BetaResponse


class TextDelta(ev.OutputTextDelta, tag="response.text.delta"):
    pass


class TextDone(ev.OutputTextDone, tag="response.text.done"):
    pass


class TranscriptDelta(ev.OutputTranscriptDelta, tag="response.audio_transcript.delta"):
    pass


class TranscriptDone(ev.OutputTranscriptDone, tag="response.audio_transcript.done"):
    pass


class AudioDone(ev.OutputAudioDone, tag="response.audio.done"):
    pass
