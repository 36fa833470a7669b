"""Anthropic's Messages API on loopback; requests are checked against the types of their SDK."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from anthropic.types import message_create_params
from pydantic import TypeAdapter, ValidationError

from antiphon.providers.base.llm import LlmUsage, ToolCall
from antiphon.providers.scripted.server import Received
from tests.providers.vendors.streaming import StreamingServer, event, without_iterators

REASONS = {"end": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

ALLOWED_ONCE = {"temperature"}  # in the version of the API that is asked for, of which the SDK knows no more

_REQUEST = TypeAdapter(message_create_params.MessageCreateParamsStreaming)


class AnthropicServer(StreamingServer):
    route = "/messages"

    def check(self, request: Received) -> None:
        assert "anthropic-version" in request.headers
        # The API's reference has the first, the newest SDKs send the second.
        assert ("x-api-key" in request.headers) != ("Authorization" in request.headers)
        check_body(request.body)

    def usual(self) -> Sequence[bytes]:
        spelling = AnthropicSpelling()
        usage = LlmUsage(10, 4)
        texts = [spelling.text(word) for word in ("Hello, ", "how ", "are ", "you?")]
        return [*spelling.opening(usage), *texts, *spelling.closing("end", usage)]


def check_body(body: dict[str, Any]) -> None:
    """Raises AssertionError for what the types don't have, and for what the API says that they can't express."""
    typed = {name: value for name, value in body.items() if name not in ALLOWED_ONCE}
    try:
        # Unknown fields are left out of what is validated.
        assert without_iterators(_REQUEST.validate_python(typed)) == typed
    except ValidationError as error:
        raise AssertionError(str(error)) from error
    messages = body["messages"]
    assert messages[0]["role"] == "user"
    assert messages[-1]["role"] == "user", "a beginning of the answer is refused by newer models"
    assert all(one["role"] != next_["role"] for one, next_ in pairwise(messages)), "roles alternate"
    for before, after in pairwise([*messages, {"content": []}]):
        called = [block["id"] for block in before["content"] if block["type"] == "tool_use"]
        answered = [block["tool_use_id"] for block in after["content"] if block["type"] == "tool_result"]
        assert answered == called, "the results of calls come next"
        kinds = [block["type"] == "tool_result" for block in after["content"]]
        assert kinds == sorted(kinds, reverse=True), "results come before all else"
    blocks = [block for message in messages for block in message["content"]]
    assert all(block["text"].strip() for block in blocks if block["type"] == "text"), "no text is blank"
    marked = [b for b in (*blocks, *body.get("tools", ()), *body.get("system", ())) if "cache_control" in b]
    assert len(marked) <= 4
    if body.get("thinking", {}).get("type") == "enabled":
        assert body["thinking"]["budget_tokens"] < body["max_tokens"]
        assert "temperature" not in body


class AnthropicSpelling:
    """How Anthropic writes an answer."""

    def __init__(self) -> None:
        self._blocks = 0

    def opening(self, usage: LlmUsage) -> list[bytes]:
        counted = {
            "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cached_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "output_tokens": 1,
        }
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": counted,
        }
        return [event({"type": "message_start", "message": message}, "message_start"), self.ping()]

    def ping(self) -> bytes:
        return event({"type": "ping"}, "ping")

    def text(self, text: str) -> bytes:
        return self._block({"type": "text", "text": ""}, {"type": "text_delta", "text": text})

    def thought(self, text: str) -> bytes:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        return self._block(
            block, {"type": "thinking_delta", "thinking": text}, {"type": "signature_delta", "signature": "x"}
        )

    def calls(self, *calls: ToolCall) -> list[bytes]:
        return [
            self._block(
                {"type": "tool_use", "id": call.call_id, "name": call.name, "input": {}},
                *({"type": "input_json_delta", "partial_json": p} for p in ("", *_halves(call.arguments))),
            )
            for call in calls
        ]

    def closing(self, reason: str, usage: LlmUsage) -> list[bytes]:
        delta = {"stop_reason": REASONS[reason], "stop_sequence": None}
        counted: dict[str, Any] = {"output_tokens": usage.output_tokens}
        if usage.reasoning_tokens:
            counted["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
        body = {"type": "message_delta", "delta": delta, "usage": counted}
        return [event(body, "message_delta"), event({"type": "message_stop"}, "message_stop")]

    def overloaded(self) -> bytes:
        return event(
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error"
        )

    def refusal(self, message: str) -> bytes:
        return event({"type": "error", "error": {"type": "invalid_request_error", "message": message}})[6:]

    def images(self, body: dict[str, Any]) -> list[str]:
        sources = [b["source"] for m in body["messages"] for b in m["content"] if b["type"] == "image"]
        return [
            s["url"] if s["type"] == "url" else f"data:{s['media_type']};base64,{s['data']}" for s in sources
        ]

    def _block(self, block: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
        index = self._blocks
        self._blocks += 1
        start = {"type": "content_block_start", "index": index, "content_block": block}
        middle = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        stop = {"type": "content_block_stop", "index": index}
        return b"".join(event(body, body["type"]) for body in (start, *middle, stop))


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]
