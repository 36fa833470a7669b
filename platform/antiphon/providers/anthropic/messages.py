"""Messages as JSON: the request that is sent and the events that come back.

https://platform.claude.com/docs/en/api/messages, version 2023-06-01.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from antiphon.providers.anthropic.models import family_of
from antiphon.providers.base.effort import nearest
from antiphon.providers.base.images import data_of
from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message
from antiphon.providers.base.turns import Turn, instructions_and_turns

MAX_TOKENS = 8192  # of an answer whose length nobody limited; the protocol wants a number
BUDGETS = {"low": 1024, "medium": 4096, "high": 16_384}  # tokens to think; 1024 is the least allowed
EFFORTS = ("low", "medium", "high", "max")

_CACHED = {"cache_control": {"type": "ephemeral"}}
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


class Usage(msgspec.Struct):
    """Each count is of all so far. `input_tokens` leaves out what was read from a cache or written to one."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: "OutputDetails | None" = None

    def onto(self, before: LlmUsage | None) -> LlmUsage:
        """What is not said stays as it was."""
        known = before or LlmUsage(0, 0)
        read = _or(self.cache_read_input_tokens, known.cached_tokens)
        written = _or(self.cache_creation_input_tokens, known.cache_write_tokens)
        plain = _or(self.input_tokens, known.input_tokens - known.cached_tokens - known.cache_write_tokens)
        thought = (self.output_tokens_details or OutputDetails()).thinking_tokens
        return LlmUsage(
            input_tokens=plain + read + written,
            output_tokens=_or(self.output_tokens, known.output_tokens),
            cached_tokens=read,
            reasoning_tokens=_or(thought, known.reasoning_tokens),
            cache_write_tokens=written,
        )


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class Start(msgspec.Struct):
    usage: Usage | None = None


class Block(msgspec.Struct):
    type: str = ""
    id: str | None = None
    name: str = ""
    text: str = ""
    input: dict[str, Any] | None = None


class Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class Event(msgspec.Struct, gc=False):
    """Any event of a stream; each type has only some of the fields."""

    type: str
    index: int = 0
    message: Start | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Usage | None = None
    error: Any = None


def encode_request(model: str, request: LlmRequest) -> bytes:
    """The ends of the tools, of the instructions and of the conversation are marked for the prompt cache: the next
    request begins alike."""
    instructions, turns = instructions_and_turns(request)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens or MAX_TOKENS,
        "messages": [_turn(turn) for turn in turns],
        "stream": True,
    }
    body["messages"][-1]["content"][-1] |= _CACHED
    if instructions:
        body["system"] = [{"type": "text", "text": instructions, **_CACHED}]
    body |= _tools(request) | _thinking(model, request, body["max_tokens"])
    return msgspec.json.encode(body)


def _tools(request: LlmRequest) -> dict[str, Any]:
    tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": {"type": "object", **tool.parameters},
        }
        for tool in request.tools
    ]
    if not tools:
        return _tools_of_history(request)
    tools[-1] |= _CACHED
    choice: dict[str, Any] = {"type": "auto"}
    match request.tool_choice.mode:
        case "none":
            return {"tools": tools, "tool_choice": {"type": "none"}}
        case "required":
            choice = {"type": "any"}
        case "named":
            choice = {"type": "tool", "name": request.tool_choice.name}
    if not request.parallel_tool_calls:
        choice["disable_parallel_tool_use"] = True
    return {"tools": tools} if choice == {"type": "auto"} else {"tools": tools, "tool_choice": choice}


def _tools_of_history(request: LlmRequest) -> dict[str, Any]:
    """A conversation in which tools were called is refused without them, though none is to be called now."""
    called = {call.name: None for message in request.messages for call in message.tool_calls}
    if not called:
        return {}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in called]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _thinking(model: str, request: LlmRequest, limit: int) -> dict[str, Any]:
    """Thinking, if a session wants it, and else as little as the model can; and the temperature, where it is taken.

    A forced call excludes thinking, as does, with a budget, an answer in the middle of calls: the thoughts
    before them would have to be repeated, and nobody kept them.
    """
    family, wanted = family_of(model), request.reasoning_effort
    forced = bool(request.tools) and request.tool_choice.mode in ("required", "named")
    within_calls = bool(request.messages) and request.messages[-1].role == "tool"
    rests = wanted in (None, "none", "minimal") or forced or (family.thinking == "budget" and within_calls)
    if not rests and family.thinking == "budget":
        budget = BUDGETS[nearest(wanted, tuple(BUDGETS))]
        thinking = {"type": "enabled", "budget_tokens": budget}
        return {"thinking": thinking, "max_tokens": limit + budget}
    if not rests:
        return {
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": nearest(wanted, EFFORTS)},
        }
    settings: dict[str, Any] = {}
    if request.temperature is not None and family.temperature:
        settings["temperature"] = min(request.temperature, 1.0)  # goes to 2 elsewhere
    match family.rest:
        case "disabled" | "between_tools":
            settings["thinking"] = {"type": family.rest}
        case "low":
            settings["output_config"] = {"effort": "low"}
    return settings


def _turn(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "content": [block for m in turn.messages for block in _blocks(m)]}


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        call_id = _id(message.call_id or "")
        return [{"type": "tool_result", "tool_use_id": call_id, "content": message.text}]
    blocks: list[dict[str, Any]] = [
        {"type": "image", "source": _image_source(image)} for image in message.images
    ]
    if message.text.strip():  # blank text is refused
        text = f"<system>{message.text}</system>" if message.role == "system" else message.text
        blocks.append({"type": "text", "text": text})
    blocks += [
        {"type": "tool_use", "id": _id(call.call_id), "name": call.name, "input": _input(call.arguments)}
        for call in message.tool_calls
    ]
    return blocks


def _image_source(image: str) -> dict[str, Any]:
    inline = data_of(image)
    if inline is None:
        return {"type": "url", "url": image}
    return {"type": "base64", "media_type": inline.media_type, "data": inline.base64}


def _input(arguments: str) -> Mapping[str, Any]:
    """Models sometimes write arguments that are no object; the call is told nevertheless."""
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"arguments": arguments} if arguments.strip() else {}


def _id(call_id: str) -> str:
    """Other models' ids may have characters that are refused."""
    return _NOT_IN_IDS.sub("_", call_id)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
