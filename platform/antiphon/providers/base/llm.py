"""Language models: a conversation in, a stream of text and tool calls out."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ToolCall:
    call_id: str
    name: str
    arguments: str  # JSON text


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the context. `tool_calls` only on assistant messages, `call_id` only on tool results."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    images: tuple[str, ...] = ()  # data URIs
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


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


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    call_id: str
    arguments: str  # the next piece of the JSON text


@dataclass(frozen=True, slots=True)
class LlmUsage:
    """Tokens. `input_tokens` includes `cached_tokens`; `output_tokens` includes `reasoning_tokens`."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    reason: Literal["end", "length", "tool_calls", "content_filter"]


LlmEvent = TextDelta | ToolCallStarted | ToolCallDelta | LlmUsage | Stop


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
