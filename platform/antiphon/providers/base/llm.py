"""Language models: a conversation in, a stream of text and tool calls out."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from antiphon.providers.base.errors import ErrorKind


@dataclass(frozen=True, slots=True)
class ToolCall:
    call_id: str
    name: str
    arguments: str  # JSON text


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the context. `tool_calls` only on assistant messages, `call_id` only on tool results.

    `item_id` is that of the conversation's item it stands for. For models that hear and speak, `audio` (PCM16 mono,
    24 kHz) is what the user said, `heard_ms` how much was heard of what a model said.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    images: tuple[str, ...] = ()  # data URIs
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    item_id: str = ""
    audio: bytes = field(default=b"", repr=False)
    heard_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    parameters: Mapping[str, Any]  # JSON schema


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`named` forces the tool called `name`; the other modes are those of the protocol."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class LlmRequest:
    """`report` is told of each attempt at an answer once it is over, however it ended, `decided` of what a router
    decides on the way, also to keep `latency_budget_ms`, the time in which the first audio should be there.

    `metadata` is the response's, `session_metadata` the session's (`providerData.metadata`), `user` says which of
    the tenant's users speaks, `modality` how the answer is given; routers decide by them. `cache_key` is equal for
    requests that share a beginning.
    """

    instructions: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    session_metadata: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    cache_key: str = ""
    modality: Literal["audio", "text"] = "audio"
    latency_budget_ms: float | None = None
    report: "Report" = field(default=lambda attempt: None, compare=False, repr=False)
    decided: "Decided" = field(default=lambda decision: None, compare=False, repr=False)


class TextDelta(msgspec.Struct, frozen=True, gc=False):  # a struct, since it is made for every token
    text: str


class Filler(TextDelta, frozen=True, gc=False):
    """A phrase to speak at once, whole as it is, because there are no words of the answer yet."""


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    call_id: str
    name: str


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    call_id: str
    arguments: str  # the next piece of the JSON text


@dataclass(frozen=True, slots=True)
class LlmUsage:
    """Tokens. `input_tokens` includes all other input counts, of which `cached_tokens` were read from a cache and
    `cache_write_tokens` written to one; `output_tokens` includes `reasoning_tokens` and `output_audio_tokens`.

    Of the cached tokens, `cached_audio_tokens` are audio, as `input_audio_tokens` of the input are.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0
    input_audio_tokens: int = 0
    cached_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_audio_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    reason: Literal["end", "length", "tool_calls", "content_filter"]


LlmEvent = TextDelta | ToolCallStarted | ToolCallDelta | LlmUsage | Stop

Outcome = Literal[
    "completed",
    "failed",
    "cancelled",  # nobody wanted the rest
    "superseded",  # another attempt at the same answer was faster, or this one was given up
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to one model for an answer. Times are in milliseconds on a steady clock.

    `reason` says why it was made; `usage` is what it costs, estimated where the provider did not say.
    """

    model: str  # provider/model
    reason: Literal["first", "fallback", "hedge", "continuation", "speculation"]
    outcome: Outcome
    began: float
    first_output: float | None  # when the first text or tool call came
    ended: float
    usage: LlmUsage | None
    error: ErrorKind | None = None


DecisionKind = Literal[
    "chosen",  # asked first
    "stepped_down",  # asked first in place of a better one that would have been too late
    "hedged",  # asked beside one that is slow
    "fell_back",  # asked after one that failed
    "continued",  # asked to go on where one broke off
    "filler",  # a phrase is spoken, because there are no words yet
    "speculated",
]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on the way to an answer, `after_ms` of waiting for it.

    `reason` is a sentence for people, `model` the one that was asked because of it.
    """

    kind: DecisionKind
    reason: str
    after_ms: float
    model: str = ""


Report = Callable[[Attempt], None]
Decided = Callable[[Decision], None]


@dataclass(frozen=True, slots=True)
class LlmCapabilities:
    tools: bool = True
    images: bool = False
    reasoning: bool = False
    context_tokens: int = 128_000


class LanguageModel(Protocol):
    """A model bound to its provider, endpoint and key."""

    @property
    def name(self) -> str:
        """`provider/model`, as sessions name it."""

    @property
    def capabilities(self) -> LlmCapabilities: ...

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Streams the answer; ends with `LlmUsage` and `Stop` (usage first).

        Closing the iterator or cancelling its task closes the upstream request at once.
        Raises ProviderError.
        """
