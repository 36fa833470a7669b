"""The session object, as `session.created` and `session.updated` show it.

The defaults are those of a live `session.created` (protocol reference 3.1). What a client may change of it, and how
a change is merged in, is in `session_update`.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

Modality = Literal["text", "audio"]
Eagerness = Literal["low", "medium", "high", "auto"]
SessionKind = Literal["realtime", "transcription"]


class Pcm(Struct, frozen=True, kw_only=True, tag="audio/pcm"):
    """PCM16, little endian, mono. OpenAI has 24 kHz only, Inworld other rates too."""

    rate: Annotated[int, Meta(ge=8_000, le=48_000)] = 24_000


class Pcmu(Struct, frozen=True, kw_only=True, tag="audio/pcmu"):
    """G.711 mu-law, 8 kHz."""


class Pcma(Struct, frozen=True, kw_only=True, tag="audio/pcma"):
    """G.711 A-law, 8 kHz."""


AudioFormat = Pcm | Pcmu | Pcma


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
    model: str = ""
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`type` is always shown: pipecat stops at a noise reduction without it."""

    type: Literal["near_field", "far_field"]
    strength: float | UnsetType = UNSET


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


class ToolFilter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    tool_names: list[str] | None = None
    read_only: bool | None = None


class ApprovalFilter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    always: ToolFilter | None = None
    never: ToolFilter | None = None


class McpTool(Struct, frozen=True, kw_only=True, tag="mcp", omit_defaults=True):
    """A server whose tools the platform lists and calls itself."""

    server_label: Annotated[str, Meta(min_length=1, max_length=128)]
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    server_description: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: list[str] | ToolFilter | None = None
    require_approval: Literal["always", "never"] | ApprovalFilter | None = None
    defer_loading: bool | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None


class WebSearchTool(Struct, frozen=True, kw_only=True, tag="web_search", omit_defaults=True):
    """Inworld's; kept and shown."""

    providerData: dict[str, Any] | None = None


ToolConfig = FunctionTool | McpTool | WebSearchTool


class FunctionChoice(Struct, frozen=True, kw_only=True, tag="function"):
    name: str


class McpChoice(Struct, frozen=True, kw_only=True, tag="mcp", omit_defaults=True):
    server_label: str
    name: str | None = None


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice | McpChoice
MaxTokens = Annotated[int, Meta(ge=1)] | Literal["inf"]


class Reasoning(Struct, frozen=True, kw_only=True):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] = "low"


class TokenLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    post_instructions: Annotated[int, Meta(ge=0)] | None = None


class RetentionRatio(Struct, frozen=True, kw_only=True, tag="retention_ratio"):
    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | UnsetType = UNSET


Truncation = Literal["auto", "disabled"] | RetentionRatio


class Prompt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    version: str | None = None
    variables: dict[str, Any] | None = None


class Session(Struct, frozen=True, kw_only=True):
    """The effective session. One that only transcribes is of type `transcription` and answers nothing; see
    `shown` for what its client gets to see."""

    type: SessionKind = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    call_id: str | UnsetType = UNSET  # for a second connection to this session
    resume_token: str | UnsetType = UNSET  # for its client, should the connection break
    model: str
    expires_at: int  # unix seconds
    output_modalities: list[Modality] = msgspec.field(default_factory=lambda: ["audio"])
    instructions: str = ""
    audio: SessionAudio = SessionAudio()
    tools: list[ToolConfig] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxTokens = "inf"
    truncation: Truncation = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    prompt: Prompt | None = None
    include: list[str] | None = None
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    providerData: dict[str, Any] | UnsetType = UNSET


class TranscriptionTurnDetection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of turn detection makes sense where nothing answers."""

    type: Literal["server_vad", "semantic_vad"]
    threshold: float | UnsetType = UNSET
    prefix_padding_ms: int | UnsetType = UNSET
    silence_duration_ms: int | UnsetType = UNSET
    eagerness: Eagerness | UnsetType = UNSET


class TranscriptionAudioInput(Struct, frozen=True, kw_only=True):
    format: AudioFormat
    noise_reduction: NoiseReduction | None
    transcription: Transcription | None
    turn_detection: TranscriptionTurnDetection | None


class TranscriptionAudio(Struct, frozen=True, kw_only=True):
    input: TranscriptionAudioInput


class TranscriptionSession(Struct, frozen=True, kw_only=True, tag="transcription"):
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str
    call_id: str | UnsetType = UNSET
    resume_token: str | UnsetType = UNSET
    expires_at: int
    audio: TranscriptionAudio
    include: list[str] | None = None


def shown(session: Session) -> Session | TranscriptionSession:
    """The session as its client, and whoever else watches, sees it: without what opens other servers."""
    if session.type == "realtime":
        return structs.replace(session, tools=[_without_secrets(tool) for tool in session.tools])
    heard = session.audio.input
    detection = heard.turn_detection
    return TranscriptionSession(
        id=session.id,
        call_id=session.call_id,
        resume_token=session.resume_token,
        expires_at=session.expires_at,
        audio=TranscriptionAudio(
            input=TranscriptionAudioInput(
                format=heard.format,
                noise_reduction=heard.noise_reduction,
                transcription=heard.transcription,
                turn_detection=None if detection is None else _without_answers(detection),
            )
        ),
        include=session.include,
    )


def _without_secrets(tool: ToolConfig) -> ToolConfig:
    return structs.replace(tool, authorization=None, headers=None) if isinstance(tool, McpTool) else tool


def _without_answers(detection: TurnDetection) -> TranscriptionTurnDetection:
    if isinstance(detection, SemanticVad):
        return TranscriptionTurnDetection(type="semantic_vad", eagerness=detection.eagerness)
    return TranscriptionTurnDetection(
        type="server_vad",
        threshold=detection.threshold,
        prefix_padding_ms=detection.prefix_padding_ms,
        silence_duration_ms=detection.silence_duration_ms,
    )


def tag_of(value: Struct) -> str:
    """The `type` that a Struct has on the wire."""
    return str(type(value).__struct_config__.tag)
