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
    """Samples per second."""


class Pcmu(Struct, frozen=True, kw_only=True, tag="audio/pcmu"):
    """G.711 mu-law, 8 kHz."""


class Pcma(Struct, frozen=True, kw_only=True, tag="audio/pcma"):
    """G.711 A-law, 8 kHz."""


AudioFormat = Pcm | Pcmu | Pcma


class ServerVad(Struct, frozen=True, kw_only=True, tag="server_vad"):
    """A turn ends after so much silence."""

    threshold: float = 0.5
    """The probability of speech from which on a sound counts as such."""
    prefix_padding_ms: int = 300
    """How much of what came before the first sound belongs to the turn."""
    silence_duration_ms: int = 200
    """Recordings of people reading want 500 or more: 200 cuts at every pause."""
    idle_timeout_ms: int | None = None
    """After so long without speech since the last answer was played, the silence is answered."""
    create_response: bool = True
    """Whether each turn is answered by itself."""
    interrupt_response: bool = True
    """Whether speech ends an answer."""


class SemanticVad(Struct, frozen=True, kw_only=True, tag="semantic_vad"):
    """A turn ends when it sounds and reads as if the speaker has finished."""

    eagerness: Eagerness = "auto"
    """How soon: after 200 ms of silence to 2 s (high), 300 ms to 4 s (medium, auto), 500 ms to 8 s (low), later
    the less the turn seems to be over."""
    create_response: bool = True
    """Whether each turn is answered by itself."""
    interrupt_response: bool = True
    """Whether speech ends an answer."""


TurnDetection = ServerVad | SemanticVad


class Transcription(Struct, frozen=True, kw_only=True, omit_defaults=True):
    model: str = ""
    """One that Antiphon does not have is shown as it was asked for, and is the tenant's default; `whisper-1` if
    none is named."""
    language: str | None = None
    """ISO 639-1; detected if absent."""
    languages: list[str] | None = None
    """Does nothing yet."""
    prompt: str | None = None
    """Words that are likely, and how they are written."""
    keywords: list[str] | None = None
    """Does nothing yet."""
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """Does nothing yet."""


class NoiseReduction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: Literal["near_field", "far_field"]
    """Always shown: pipecat stops at a noise reduction without it."""
    strength: float | UnsetType = UNSET


class AudioInput(Struct, frozen=True, kw_only=True):
    format: AudioFormat = Pcm()
    """Also as a string: `pcm16`, `g711_ulaw`, `g711_alaw`, `audio/pcm`, `audio/pcmu`, `audio/pcma`."""
    noise_reduction: NoiseReduction | None = None
    """Does nothing yet."""
    transcription: Transcription | None = None
    """Null: the words are recognised for the model, but not sent to the client."""
    turn_detection: TurnDetection | None = ServerVad()
    """Null: the client ends turns, by committing."""


class AudioOutput(Struct, frozen=True, kw_only=True):
    format: AudioFormat = Pcm()
    """Also as a string, as for the input."""
    voice: str = "alloy"
    """Also as `{"id": "..."}`. One that Antiphon does not have is shown as it was asked for, and is the tenant's
    default. Fixed once it has been heard."""
    speed: float = 1.0
    model: str | UnsetType = UNSET
    """Inworld's: the speech model. One that Antiphon does not have is the tenant's default."""


class SessionAudio(Struct, frozen=True, kw_only=True):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(Struct, frozen=True, kw_only=True, tag="function", omit_defaults=True):
    """A function that the client runs."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """A JSON Schema of its arguments."""


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
    """Needed, though not by the type: https, and an address that the operator allows."""
    connector_id: str | None = None
    """Refused: give a `server_url`."""
    tunnel_id: str | None = None
    """Refused: give a `server_url`."""
    server_description: str | None = None
    """Does nothing yet."""
    authorization: str | None = None
    """For that server; never shown again."""
    headers: dict[str, str] | None = None
    """For that server; never shown again."""
    allowed_tools: list[str] | ToolFilter | None = None
    """All of them if absent."""
    require_approval: Literal["always", "never"] | ApprovalFilter | None = None
    """`always` if absent."""
    defer_loading: bool | None = None
    """Does nothing yet."""
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    """Does nothing yet."""


class WebSearchTool(Struct, frozen=True, kw_only=True, tag="web_search", omit_defaults=True):
    """Inworld's. Kept and shown; does nothing yet."""

    providerData: dict[str, Any] | None = None


ToolConfig = FunctionTool | McpTool | WebSearchTool


class FunctionChoice(Struct, frozen=True, kw_only=True, tag="function"):
    """This function must be called."""

    name: str


class McpChoice(Struct, frozen=True, kw_only=True, tag="mcp", omit_defaults=True):
    """This tool, or some tool of this server."""

    server_label: str
    name: str | None = None


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice | McpChoice
MaxTokens = Annotated[int, Meta(ge=1)] | Literal["inf"]


class Reasoning(Struct, frozen=True, kw_only=True):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] = "low"


class TokenLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    post_instructions: Annotated[int, Meta(ge=0)] | None = None
    """The most tokens of items; else what the model's context has room for. Counted at four characters each."""


class RetentionRatio(Struct, frozen=True, kw_only=True, tag="retention_ratio"):
    """Once the items are too many, the oldest are left out until this part of the limit is used."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | UnsetType = UNSET


Truncation = Literal["auto", "disabled"] | RetentionRatio


class Prompt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    version: str | None = None
    variables: dict[str, Any] | None = None


class Session(Struct, frozen=True, kw_only=True):
    """The session as it is in effect, with all its defaults."""

    type: SessionKind = "realtime"
    """One that becomes `transcription` is shown as a [transcription session](#transcription-session)."""
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    call_id: str | UnsetType = UNSET
    """For a second connection to this session."""
    resume_token: str | UnsetType = UNSET
    """For its client, should the connection break."""
    model: str
    """Changes nothing in `session.update`: clients resend theirs each time, some a default of their own."""
    expires_at: int
    """Unix seconds."""
    output_modalities: list[Modality] = msgspec.field(default_factory=lambda: ["audio"])
    """Audio comes with its transcript, so both together mean audio."""
    instructions: str = ""
    """A session begins with instructions to answer as one speaks."""
    audio: SessionAudio = SessionAudio()
    tools: list[ToolConfig] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxTokens = "inf"
    truncation: Truncation = "auto"
    """What happens when the items are more than the model can take. `auto`: the oldest are left out. `disabled`:
    the response fails with `context_length_exceeded`."""
    tracing: Literal["auto"] | dict[str, Any] | None = None
    """Does nothing yet."""
    prompt: Prompt | None = None
    """Does nothing yet."""
    include: list[str] | None = None
    """Does nothing yet."""
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    """For models that reason."""
    temperature: float | UnsetType = UNSET
    """Of sampling; the model's own if absent."""
    providerData: dict[str, Any] | UnsetType = UNSET
    """Inworld's additions: checked, merged and shown. They do nothing yet."""


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
    """One that transcribes what it hears and answers nothing."""

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
