"""Chat completions as JSON: the request that is sent and the chunks that come back.

https://platform.openai.com/docs/api-reference/chat, in the forms that compatible servers use.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from antiphon.providers.base.effort import nearest, of_family
from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message, ToolChoice
from antiphon.providers.base.turns import paired

ANY_EFFORT = ("minimal", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where servers differ. The defaults are what most of them take."""

    max_completion_tokens: bool = False
    """The limit of the answer goes by this name; `max_tokens` otherwise. OpenAI's own newer models insist."""
    stream_options: bool = True
    """The server can be asked for usage; some refuse the field."""
    prompt_cache_key: bool = False
    """Requests that share a beginning may say so, and find its cache."""
    short_call_ids: bool = False
    """The ids of tool calls must be nine letters or digits."""
    reasoning: Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking"] = "reasoning_effort"
    """The field that says how much to reason: a word, `{"effort": word}`, `{"type": "enabled"}`, or a boolean."""
    efforts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The efforts that models take whose names begin so, the least first; none where the field is refused."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every request has."""


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCallPart(msgspec.Struct):
    """A piece of a tool call. Only the first piece of an `index` need have an id and a name."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None


class ContentPart(msgspec.Struct):
    """Content in parts, as some servers send it beside reasoning, which has another `type`."""

    type: str = ""
    text: str = ""


class Delta(msgspec.Struct, gc=False):
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCallPart] | None = None

    def text_of_parts(self) -> str:
        parts = self.content if isinstance(self.content, list) else ()
        return "".join(part.text for part in parts if part.type == "text")


class Choice(msgspec.Struct, gc=False):
    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    cached_tokens: int | None = None  # where Moonshot says it
    prompt_cache_hit_tokens: int | None = None  # where DeepSeek does

    def to_usage(self) -> LlmUsage:
        prompt = self.prompt_tokens_details or PromptDetails()
        completion = self.completion_tokens_details or CompletionDetails()
        read, written = self.prompt_tokens or 0, self.completion_tokens or 0
        reasoning = completion.reasoning_tokens or 0
        if reasoning and self.total_tokens == read + written + reasoning:  # xAI counts it apart
            written += reasoning
        return LlmUsage(
            input_tokens=read,
            output_tokens=written,
            cached_tokens=prompt.cached_tokens or self.cached_tokens or self.prompt_cache_hit_tokens or 0,
            reasoning_tokens=reasoning,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            input_audio_tokens=prompt.audio_tokens or 0,
            input_image_tokens=prompt.image_tokens or 0,
            output_audio_tokens=completion.audio_tokens or 0,
        )


class Chunk(msgspec.Struct, gc=False):
    """The chunk that carries usage has no choices."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


def encode_request(model: str, request: LlmRequest, quirks: Quirks, *, reasoning: bool) -> bytes:
    """What is at its default is left out: the fewer fields, the more servers take the request."""
    messages = _messages(request, quirks)
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True, **quirks.extra}
    if quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        limit = "max_completion_tokens" if quirks.max_completion_tokens else "max_tokens"
        body[limit] = request.max_output_tokens
    if request.temperature is not None and not reasoning:  # reasoning models refuse it
        body["temperature"] = request.temperature
    if request.cache_key and quirks.prompt_cache_key:
        body["prompt_cache_key"] = request.cache_key
    body |= _effort(model, request.reasoning_effort, quirks, reasoning=reasoning)
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
            }
            for t in request.tools
        ]
        if request.tool_choice.mode != "auto":
            body["tool_choice"] = _tool_choice(request.tool_choice)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    return msgspec.json.encode(body)


def _effort(model: str, wanted: str | None, quirks: Quirks, *, reasoning: bool) -> dict[str, Any]:
    """Without a wish, the least that the model is known to take: in a conversation, thinking is silence."""
    taken = of_family(model, quirks.efforts)
    if taken is None:
        if wanted is None or not reasoning:
            return {}
        taken = ANY_EFFORT
    if not taken:
        return {}
    effort = nearest(wanted, taken)
    match quirks.reasoning:
        case "reasoning_effort":
            return {"reasoning_effort": effort}
        case "reasoning":
            return {"reasoning": {"effort": effort}}
        case "thinking":
            return {"thinking": {"type": "disabled" if effort == "none" else "enabled"}}
        case "enable_thinking":
            return {"enable_thinking": effort != "none"}


def _messages(request: LlmRequest, quirks: Quirks) -> Sequence[dict[str, Any]]:
    messages = [_message(message, quirks) for message in paired(request.messages)]
    if request.instructions or not messages:  # servers refuse an empty conversation
        messages.insert(0, {"role": "system", "content": request.instructions})
    return messages


def _message(message: Message, quirks: Quirks) -> dict[str, Any]:
    if message.role == "tool":
        call_id = _call_id(message.call_id or "", quirks)
        return {"role": "tool", "tool_call_id": call_id, "content": message.text}
    if message.images:
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
        parts += [{"type": "image_url", "image_url": {"url": image}} for image in message.images]
        return {"role": message.role, "content": parts}
    encoded: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        encoded["tool_calls"] = [
            {
                "id": _call_id(call.call_id, quirks),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return encoded


def _call_id(call_id: str, quirks: Quirks) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()[:9] if quirks.short_call_ids else call_id


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode
