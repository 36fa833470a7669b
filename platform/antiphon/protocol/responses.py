"""Responses: what a client asks for, and the object that `response.created` and `response.done` carry."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from antiphon.protocol.errors import invalid_value, too_long
from antiphon.protocol.items import Item
from antiphon.protocol.session import (
    AudioFormat,
    MaxTokens,
    Modality,
    Prompt,
    Reasoning,
    ToolChoice,
    ToolConfig,
)
from antiphon.protocol.session_update import FormatName, Temperature, VoiceReference

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
StatusReason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


class ItemReference(Struct, frozen=True, kw_only=True, tag="item_reference"):
    """An item of the conversation, in the `input` of `response.create`."""

    id: str


class RequestedOutput(Struct, frozen=True, kw_only=True):
    format: AudioFormat | FormatName | UnsetType = UNSET
    voice: str | VoiceReference | UnsetType = UNSET


class RequestedAudio(Struct, frozen=True, kw_only=True):
    output: RequestedOutput = RequestedOutput()


class ResponseParams(Struct, frozen=True, kw_only=True):
    """What one response has other than its session; what is absent is as there."""

    conversation: Literal["auto", "none"] = "auto"
    """`none`: out of band. It leaves no items, is not interrupted, and runs beside others, at most 32 at once."""
    input: list[Item | ItemReference] | UnsetType = UNSET
    """What the model sees instead of the conversation; `[]` is nothing."""
    instructions: str | UnsetType = UNSET
    """Instead of the session's, not in addition."""
    output_modalities: Annotated[list[Modality], Meta(min_length=1)] | UnsetType = UNSET
    audio: RequestedAudio = RequestedAudio()
    tools: list[ToolConfig] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    temperature: Temperature | UnsetType = UNSET
    prompt: Prompt | None | UnsetType = UNSET
    """Does nothing yet."""
    metadata: dict[str, str] | None = None
    """Comes back in the response: at most 16 pairs, keys of 64 and values of 512 characters."""


def check_metadata(metadata: dict[str, str] | None) -> None:
    """Raises Refused unless metadata has at most 16 pairs, keys of 64 and values of 512 characters."""
    if not metadata:
        return
    if len(metadata) > 16:
        raise invalid_value("Metadata can have at most 16 pairs.", "response.metadata")
    for key, value in metadata.items():
        if len(key) > 64 or len(value) > 512:
            raise too_long(
                f"response.metadata.{key[:64]}", *((64, len(key)) if len(key) > 64 else (512, len(value)))
            )


class CachedTokens(Struct, frozen=True, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


class InputTokens(Struct, frozen=True, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokens = CachedTokens()


class OutputTokens(Struct, frozen=True, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0


class Usage(Struct, frozen=True, kw_only=True):
    """Text tokens are the language model's own count, estimated where it gave none; audio tokens are one for each
    50 ms of speech."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokens


class ResponseError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: str
    code: str | None = None
    message: str | None = None


class StatusDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: StatusReason | None = None
    """Of what is cancelled (the first two; none when
    [the session is wound up](protocol.md#a-session-that-is-wound-up)) or incomplete."""
    error: ResponseError | None = None
    """Of what failed; see [what models do wrong](protocol.md#what-models-do-wrong)."""


class OutputSettings(Struct, frozen=True, kw_only=True):
    format: AudioFormat
    voice: str


class ResponseAudio(Struct, frozen=True, kw_only=True):
    output: OutputSettings


class SpentLine(Struct, frozen=True, kw_only=True):
    """A quantity that was used, as it is billed."""

    record: str
    """The usage record it is of: an attempt, a transcription, a speech, a tool, a stretch of a connection."""
    kind: Literal["response", "transcription", "speech", "connection", "tool", "transport"]
    model: str
    unit: str
    quantity: int
    price_micro: int | None
    """In millionths of a US dollar; null if nobody knows the price."""
    estimated: bool


class Spent(Struct, frozen=True, kw_only=True):
    lines: list[SpentLine]
    price_micro: int
    """The sum of all lines."""


class Response(Struct, frozen=True, kw_only=True):
    """What `response.created` and `response.done` carry."""

    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None = None
    output: list[Item] = []
    """Empty until it is done."""
    conversation_id: str | None = None
    """Null for one that is out of band."""
    output_modalities: list[Modality]
    max_output_tokens: MaxTokens = "inf"
    audio: ResponseAudio
    temperature: float | UnsetType = UNSET
    usage: Usage | None = None
    """Null until it is done."""
    metadata: dict[str, str] | None = None
    antiphon_usage: Spent | UnsetType = UNSET
    """What it cost so far, once it is done. Only for clients that list `usage` in
    `session.providerData.antiphon.events`; what is used later follows in `antiphon.usage.recorded`."""
