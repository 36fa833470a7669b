"""Server events: what a session says. One Struct for each; the session stamps `event_id` when it is sent."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.items import Item
from antiphon.protocol.responses import Response
from antiphon.protocol.session import Session, TranscriptionSession


class ServerEvent(Struct, kw_only=True):
    event_id: str = ""


class SessionCreated(ServerEvent, tag="session.created"):
    session: Session | TranscriptionSession


class SessionUpdated(ServerEvent, tag="session.updated"):
    session: Session | TranscriptionSession


class Error(ServerEvent, tag="error"):
    error: ErrorBody


class InputAudioSpeechStarted(ServerEvent, tag="input_audio_buffer.speech_started"):
    audio_start_ms: int
    item_id: str


class InputAudioSpeechStopped(ServerEvent, tag="input_audio_buffer.speech_stopped"):
    audio_end_ms: int
    item_id: str


class InputAudioCommitted(ServerEvent, tag="input_audio_buffer.committed"):
    previous_item_id: str | None
    item_id: str


class InputAudioCleared(ServerEvent, tag="input_audio_buffer.cleared"):
    pass


class InputAudioTimeoutTriggered(ServerEvent, tag="input_audio_buffer.timeout_triggered"):
    audio_start_ms: int
    audio_end_ms: int
    item_id: str


class ItemAdded(ServerEvent, tag="conversation.item.added"):
    previous_item_id: str | None
    item: Item


class ItemDone(ServerEvent, tag="conversation.item.done"):
    previous_item_id: str | None
    item: Item


class ItemRetrieved(ServerEvent, tag="conversation.item.retrieved"):
    """The only event that carries the audio of an item."""

    item: Item


class ItemDeleted(ServerEvent, tag="conversation.item.deleted"):
    item_id: str


class ItemTruncated(ServerEvent, tag="conversation.item.truncated"):
    item_id: str
    content_index: int
    audio_end_ms: int


class DurationUsage(Struct, frozen=True, kw_only=True, tag="duration"):
    seconds: float


class TranscriptionDelta(ServerEvent, tag="conversation.item.input_audio_transcription.delta"):
    """More of the words; what was sent is never taken back, and `completed` has the final say."""

    item_id: str
    content_index: int
    delta: str


class TranscriptionCompleted(ServerEvent, tag="conversation.item.input_audio_transcription.completed"):
    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage


class TranscriptionError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: str
    message: str
    code: str | UnsetType = UNSET


class TranscriptionFailed(ServerEvent, tag="conversation.item.input_audio_transcription.failed"):
    item_id: str
    content_index: int
    error: TranscriptionError


class ResponseCreated(ServerEvent, tag="response.created"):
    response: Response


class ResponseDone(ServerEvent, tag="response.done"):
    response: Response


class ResponseEvent(ServerEvent):
    """Anything about the output of one response."""

    response_id: str
    output_index: int


class OutputItemAdded(ResponseEvent, tag="response.output_item.added"):
    item: Item


class OutputItemDone(ResponseEvent, tag="response.output_item.done"):
    item: Item


class TextPart(Struct, frozen=True, kw_only=True, tag="text"):
    """A part's type is `text` or `audio`, unlike the content of an item (agents SDKs refuse a mix-up)."""

    text: str = ""


class AudioPart(Struct, frozen=True, kw_only=True, tag="audio"):
    transcript: str = ""


class PartEvent(ResponseEvent):
    item_id: str
    content_index: int


class ContentPartAdded(PartEvent, tag="response.content_part.added"):
    part: TextPart | AudioPart


class ContentPartDone(PartEvent, tag="response.content_part.done"):
    part: TextPart | AudioPart


class OutputTextDelta(PartEvent, tag="response.output_text.delta"):
    delta: str


class OutputTextDone(PartEvent, tag="response.output_text.done"):
    text: str


class OutputTranscriptDelta(PartEvent, tag="response.output_audio_transcript.delta"):
    delta: str


class OutputTranscriptDone(PartEvent, tag="response.output_audio_transcript.done"):
    transcript: str


class OutputAudioDelta(PartEvent, tag="response.output_audio.delta"):
    """`delta` is raw audio in the response's output format; it becomes base64 on the wire. `samples`, which is not
    sent, is how long it plays, at 24 kHz."""

    delta: bytes
    samples: int


class OutputAudioDone(PartEvent, tag="response.output_audio.done"):
    pass


class FunctionCallArgumentsDelta(ResponseEvent, tag="response.function_call_arguments.delta"):
    item_id: str
    call_id: str
    delta: str


class FunctionCallArgumentsDone(ResponseEvent, tag="response.function_call_arguments.done"):
    item_id: str
    call_id: str
    name: str
    arguments: str


class McpListToolsEvent(ServerEvent):
    item_id: str


class McpListToolsInProgress(McpListToolsEvent, tag="mcp_list_tools.in_progress"):
    pass


class McpListToolsCompleted(McpListToolsEvent, tag="mcp_list_tools.completed"):
    pass


class McpListToolsFailed(McpListToolsEvent, tag="mcp_list_tools.failed"):
    pass


class McpCallArgumentsDelta(ResponseEvent, tag="response.mcp_call_arguments.delta"):
    item_id: str
    delta: str
    obfuscation: str = ""  # agents-js wants a string


class McpCallArgumentsDone(ResponseEvent, tag="response.mcp_call_arguments.done"):
    item_id: str
    arguments: str


class McpCallEvent(ServerEvent):
    item_id: str
    output_index: int


class McpCallInProgress(McpCallEvent, tag="response.mcp_call.in_progress"):
    pass


class McpCallCompleted(McpCallEvent, tag="response.mcp_call.completed"):
    pass


class McpCallFailed(McpCallEvent, tag="response.mcp_call.failed"):
    pass


class OutputAudioBufferEvent(ServerEvent):
    """Only on transports that play at real-time pace (WebRTC, telephony)."""

    response_id: str


class OutputAudioBufferStarted(OutputAudioBufferEvent, tag="output_audio_buffer.started"):
    pass


class OutputAudioBufferStopped(OutputAudioBufferEvent, tag="output_audio_buffer.stopped"):
    pass


class OutputAudioBufferCleared(OutputAudioBufferEvent, tag="output_audio_buffer.cleared"):
    pass


class RateLimit(Struct, frozen=True, kw_only=True):
    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


class RateLimitsUpdated(ServerEvent, tag="rate_limits.updated"):
    rate_limits: list[RateLimit]
