"""Server events: what a session says. One Struct for each; the session stamps `event_id` when it is sent."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.items import Item
from antiphon.protocol.responses import Response, SpentLine
from antiphon.protocol.session import Session, TranscriptionSession


class ServerEvent(Struct, kw_only=True):
    event_id: str = ""
    """Unique within the session."""


class SessionCreated(ServerEvent, tag="session.created"):
    """The first event of every connection."""

    session: Session | TranscriptionSession


class SessionUpdated(ServerEvent, tag="session.updated"):
    """The whole session, after each `session.update`."""

    session: Session | TranscriptionSession


class Error(ServerEvent, tag="error"):
    """A client event could not be carried out, and nothing of it was; or the session ends."""

    error: ErrorBody


class InputAudioSpeechStarted(ServerEvent, tag="input_audio_buffer.speech_started"):
    """Turn detection hears somebody speak."""

    audio_start_ms: int
    """On the timeline of all audio that was ever appended; with the prefix padding."""
    item_id: str
    """Of the user item that the turn will become."""


class InputAudioSpeechStopped(ServerEvent, tag="input_audio_buffer.speech_stopped"):
    """Turn detection takes the turn to be over. `input_audio_buffer.committed` follows."""

    audio_end_ms: int
    """On the same timeline; the silence that ended the turn is part of it."""
    item_id: str


class InputAudioCommitted(ServerEvent, tag="input_audio_buffer.committed"):
    """The audio of a turn has left the buffer and becomes a user item."""

    previous_item_id: str | None
    """Null for the first item of the conversation."""
    item_id: str


class InputAudioCleared(ServerEvent, tag="input_audio_buffer.cleared"):
    """Answers `input_audio_buffer.clear`."""


class InputAudioTimeoutTriggered(ServerEvent, tag="input_audio_buffer.timeout_triggered"):
    """Nobody has spoken for `idle_timeout_ms` since the last answer: the silence becomes a user item, and is
    answered."""

    audio_start_ms: int
    audio_end_ms: int
    item_id: str


class ItemAdded(ServerEvent, tag="conversation.item.added"):
    """An item has entered the conversation. Those of a response are still empty and `in_progress`."""

    previous_item_id: str | None
    item: Item


class ItemDone(ServerEvent, tag="conversation.item.done"):
    """An item is final. It carries no audio."""

    previous_item_id: str | None
    item: Item


class ItemRetrieved(ServerEvent, tag="conversation.item.retrieved"):
    """Answers `conversation.item.retrieve`: the item as it is now. The only event that carries an item's audio, as
    far as that is still kept and fits a frame."""

    item: Item


class ItemDeleted(ServerEvent, tag="conversation.item.deleted"):
    """Answers `conversation.item.delete`."""

    item_id: str


class ItemTruncated(ServerEvent, tag="conversation.item.truncated"):
    """Answers `conversation.item.truncate`; where the platform itself plays the audio, also an interruption."""

    item_id: str
    content_index: int
    audio_end_ms: int


class DurationUsage(Struct, frozen=True, kw_only=True, tag="duration"):
    seconds: float
    """Of the audio."""


class TranscriptionDelta(ServerEvent, tag="conversation.item.input_audio_transcription.delta"):
    """More of the words; what was sent is never taken back, and `completed` has the final say."""

    item_id: str
    content_index: int
    delta: str


class TranscriptionCompleted(ServerEvent, tag="conversation.item.input_audio_transcription.completed"):
    """All words of a user item, where the session has a `transcription`."""

    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage


class TranscriptionError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: str
    message: str
    code: str | UnsetType = UNSET


class TranscriptionFailed(ServerEvent, tag="conversation.item.input_audio_transcription.failed"):
    """Comes instead of `completed`."""

    item_id: str
    content_index: int
    error: TranscriptionError


class ResponseCreated(ServerEvent, tag="response.created"):
    """A response has begun; nothing of it comes before."""

    response: Response


class ResponseDone(ServerEvent, tag="response.done"):
    """A response is over, whatever ended it; nothing of it comes after."""

    response: Response


class ResponseEvent(ServerEvent):
    """Anything about the output of one response."""

    response_id: str
    output_index: int


class OutputItemAdded(ResponseEvent, tag="response.output_item.added"):
    """A response begins an item: a message, or a call."""

    item: Item


class OutputItemDone(ResponseEvent, tag="response.output_item.done"):
    """An item of a response is final. A function call can be run now."""

    item: Item


class TextPart(Struct, frozen=True, kw_only=True, tag="text"):
    """A part of a response, whose type is `text` or `audio`, unlike that of an item's content."""

    text: str = ""


class AudioPart(Struct, frozen=True, kw_only=True, tag="audio"):
    transcript: str = ""


class PartEvent(ResponseEvent):
    item_id: str
    content_index: int


class ContentPartAdded(PartEvent, tag="response.content_part.added"):
    """A message begins its content."""

    part: TextPart | AudioPart


class ContentPartDone(PartEvent, tag="response.content_part.done"):
    """The content of a message is final, be it complete or cut off."""

    part: TextPart | AudioPart


class OutputTextDelta(PartEvent, tag="response.output_text.delta"):
    """More of a written answer."""

    delta: str


class OutputTextDone(PartEvent, tag="response.output_text.done"):
    """The whole text that was sent."""

    text: str


class OutputTranscriptDelta(PartEvent, tag="response.output_audio_transcript.delta"):
    """More of the words of a spoken answer, as their audio is made."""

    delta: str


class OutputTranscriptDone(PartEvent, tag="response.output_audio_transcript.done"):
    """All words whose audio was sent."""

    transcript: str


class OutputAudioDelta(PartEvent, tag="response.output_audio.delta"):
    """More audio of a spoken answer, faster than it plays."""

    delta: bytes
    """Base64, in the response's output format."""
    samples: int
    """How long it plays, at 24 kHz. Never sent."""


class OutputAudioDone(PartEvent, tag="response.output_audio.done"):
    """No more audio of this part comes."""


class FunctionCallArgumentsDelta(ResponseEvent, tag="response.function_call_arguments.delta"):
    """More of the arguments of a function call."""

    item_id: str
    call_id: str
    delta: str


class FunctionCallArgumentsDone(ResponseEvent, tag="response.function_call_arguments.done"):
    """All arguments of a function call; run it at `response.output_item.done`."""

    item_id: str
    call_id: str
    name: str
    arguments: str


class McpListToolsEvent(ServerEvent):
    item_id: str


class McpListToolsInProgress(McpListToolsEvent, tag="mcp_list_tools.in_progress"):
    """The platform asks an MCP server for its tools."""


class McpListToolsCompleted(McpListToolsEvent, tag="mcp_list_tools.completed"):
    """The tools are in the item."""


class McpListToolsFailed(McpListToolsEvent, tag="mcp_list_tools.failed"):
    """The server did not tell its tools; the reason is in the item."""


class McpCallArgumentsDelta(ResponseEvent, tag="response.mcp_call_arguments.delta"):
    """More of the arguments of a tool that the platform runs."""

    item_id: str
    delta: str
    obfuscation: str = ""
    """Always empty; agents-js wants a string."""


class McpCallArgumentsDone(ResponseEvent, tag="response.mcp_call_arguments.done"):
    """All arguments of a tool that the platform runs."""

    item_id: str
    arguments: str


class McpCallEvent(ServerEvent):
    item_id: str
    output_index: int
    """0 for a call that was approved, which runs outside of any response."""


class McpCallInProgress(McpCallEvent, tag="response.mcp_call.in_progress"):
    """The tool is running."""


class McpCallCompleted(McpCallEvent, tag="response.mcp_call.completed"):
    """The tool has returned; its result is in the item."""


class McpCallFailed(McpCallEvent, tag="response.mcp_call.failed"):
    """The tool has failed; the error is in the item."""


class OutputAudioBufferEvent(ServerEvent):
    response_id: str


class OutputAudioBufferStarted(OutputAudioBufferEvent, tag="output_audio_buffer.started"):
    """A response begins to play. Only where the platform itself plays audio."""


class OutputAudioBufferStopped(OutputAudioBufferEvent, tag="output_audio_buffer.stopped"):
    """A response has been played to its end. Only where the platform itself plays audio."""


class OutputAudioBufferCleared(OutputAudioBufferEvent, tag="output_audio_buffer.cleared"):
    """What was playing has stopped: it was interrupted, or the client asked for it."""


class RateLimit(Struct, frozen=True, kw_only=True):
    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


class RateLimitsUpdated(ServerEvent, tag="rate_limits.updated"):
    """What is left of the limits, after each response."""

    rate_limits: list[RateLimit]


class AttemptEnded(ServerEvent, tag="antiphon.attempt.ended"):
    """A request to a language model for a response is over. Only for clients that list `attempts` in
    `session.providerData.antiphon.events`. It may come after the response's `response.done`."""

    response_id: str
    model: str
    reason: Literal["first", "fallback", "hedge", "continuation", "speculation"]
    """Why it was made: instead of one that failed, beside one that is slow, to complete an answer that broke off,
    or before the turn was known to be over."""
    outcome: Literal["completed", "failed", "cancelled", "superseded"]
    """`superseded`: another attempt's answer was taken, or none was wanted yet."""
    first_output_ms: float | None
    """From the request to the first text or tool call; null if there was none."""
    duration_ms: float
    error: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    """The provider did not say how many tokens it was."""


class UsageRecorded(ServerEvent, tag="antiphon.usage.recorded"):
    """Something was used and recorded that no `response.done` tells of: for a response that is done already, or for
    none. Only for clients that list `usage` in `session.providerData.antiphon.events`."""

    response_id: str | None
    item_id: str | None
    lines: list[SpentLine]
    price_micro: int
    """The sum of all lines, in millionths of a US dollar."""


class LatencyDecided(ServerEvent, tag="antiphon.latency.decided"):
    """Something was done so that an answer does not come too late. Only for clients that list `decisions` in
    `session.providerData.antiphon.events`."""

    response_id: str
    decision: Literal["chosen", "stepped_down", "hedged", "fell_back", "continued", "filler", "speculated"]
    reason: str
    """A sentence for people."""
    after_ms: float
    """From when the answer was asked for."""
    model: str = ""
    """The model that was asked because of it."""
