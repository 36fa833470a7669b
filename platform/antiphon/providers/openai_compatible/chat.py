"""Chat completions as JSON: the request that is sent and the chunks that come back.

https://platform.openai.com/docs/api-reference/chat, in the forms that compatible servers use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message, ToolChoice


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where servers differ. The defaults are what most of them take."""

    max_completion_tokens: bool = False
    """The limit of the answer goes by this name; `max_tokens` otherwise. OpenAI's own newer models insist."""
    stream_options: bool = True
    """The server can be asked for usage; some refuse the field."""


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


class Delta(msgspec.Struct):
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCallPart] | None = None

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "".join(part.text for part in self.content if part.type == "text")


class Choice(msgspec.Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def to_usage(self) -> LlmUsage:
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return LlmUsage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cached_tokens=(prompt and prompt.cached_tokens) or 0,
            reasoning_tokens=(completion and completion.reasoning_tokens) or 0,
        )


class Chunk(msgspec.Struct):
    """The chunk that carries usage has no choices."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


def encode_request(model: str, request: LlmRequest, quirks: Quirks, *, reasoning: bool) -> bytes:
    """What is at its default is left out: the fewer fields, the more servers take the request."""
    body: dict[str, Any] = {"model": model, "messages": _messages(request), "stream": True}
    if quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        limit = "max_completion_tokens" if quirks.max_completion_tokens else "max_tokens"
        body[limit] = request.max_output_tokens
    if request.temperature is not None and not reasoning:  # reasoning models refuse it
        body["temperature"] = request.temperature
    if request.reasoning_effort and reasoning:
        body["reasoning_effort"] = request.reasoning_effort
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


def _messages(request: LlmRequest) -> Sequence[dict[str, Any]]:
    messages = [_message(message) for message in request.messages]
    if request.instructions or not messages:  # servers refuse an empty conversation
        messages.insert(0, {"role": "system", "content": request.instructions})
    return messages


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if message.images:
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
        parts += [{"type": "image_url", "image_url": {"url": image}} for image in message.images]
        return {"role": message.role, "content": parts}
    encoded: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        encoded["tool_calls"] = [
            {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    return encoded


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode
