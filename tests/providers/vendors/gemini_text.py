"""Gemini's streamGenerateContent on loopback; requests are checked against the types of Google's SDK."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from google.genai import types
from pydantic import TypeAdapter, ValidationError

from antiphon.providers.base.llm import LlmUsage, ToolCall
from antiphon.providers.scripted.server import Received
from tests.providers.vendors.streaming import StreamingServer, event

REASONS = {"end": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}

_FIELDS: dict[str, TypeAdapter[Any]] = {
    "contents": TypeAdapter(list[types.Content]),
    "systemInstruction": TypeAdapter(types.Content),
    "tools": TypeAdapter(list[types.Tool]),
    "toolConfig": TypeAdapter(types.ToolConfig),
    "generationConfig": TypeAdapter(types.GenerationConfig),
}


class GeminiServer(StreamingServer):
    version = "/v1beta"
    route = "/models/{model}:streamGenerateContent"

    def check(self, request: Received) -> None:
        assert request.headers["x-goog-api-key"]
        assert "Authorization" not in request.headers
        assert request.path.endswith("?alt=sse"), "a key in the address ends up in logs"
        check_body(request.body)

    def usual(self) -> Sequence[bytes]:
        spelling = GeminiSpelling()
        texts = [spelling.text(word) for word in ("Hello, ", "how ", "are ", "you?")]
        return [*texts, *spelling.closing("end", LlmUsage(10, 4))]


def check_body(body: dict[str, Any]) -> None:
    """Raises AssertionError for what the types don't have, and for what the API says that they can't express."""
    for name, value in body.items():
        assert name in _FIELDS, name
        try:
            _FIELDS[name].validate_python(value)
        except ValidationError as error:
            raise AssertionError(str(error)) from error
    contents = body["contents"]
    assert contents[0]["role"] == contents[-1]["role"] == "user"
    assert all(content["parts"] for content in contents)
    for before, after in pairwise([*contents, {"parts": []}]):
        called = [part["functionCall"]["name"] for part in before["parts"] if "functionCall" in part]
        answered = [p["functionResponse"]["name"] for p in after["parts"] if "functionResponse" in p]
        assert answered == called, "the results of calls come next"


class GeminiSpelling:
    """How Gemini writes an answer."""

    def opening(self, usage: LlmUsage) -> list[bytes]:
        return [self._chunk([], usageMetadata={"promptTokenCount": usage.input_tokens})]

    def text(self, text: str) -> bytes:
        return self._chunk([{"text": text}])

    def thought(self, text: str) -> bytes:
        return self._chunk([{"text": text, "thought": True}])

    def calls(self, *calls: ToolCall) -> list[bytes]:
        made = [
            {"functionCall": {"id": c.call_id, "name": c.name, "args": json.loads(c.arguments)}}
            for c in calls
        ]
        return [self._chunk(made)]

    def closing(self, reason: str, usage: LlmUsage) -> list[bytes]:
        counted = {
            "promptTokenCount": usage.input_tokens,
            "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
            "totalTokenCount": usage.input_tokens + usage.output_tokens,
        }
        if usage.cached_tokens:
            counted["cachedContentTokenCount"] = usage.cached_tokens
        if usage.reasoning_tokens:
            counted["thoughtsTokenCount"] = usage.reasoning_tokens
        return [self._chunk([{"text": ""}], REASONS[reason], usageMetadata=counted)]

    def overloaded(self) -> bytes:
        error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
        return event({"error": error})

    def refusal(self, message: str) -> bytes:
        return json.dumps({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}).encode()

    def images(self, body: dict[str, Any]) -> list[str]:
        parts = [part for content in body["contents"] for part in content["parts"]]
        inline = [p["inlineData"] for p in parts if "inlineData" in p]
        elsewhere = [p["fileData"]["fileUri"] for p in parts if "fileData" in p]
        return [f"data:{i['mimeType']};base64,{i['data']}" for i in inline] + elsewhere

    def _chunk(self, parts: list[dict[str, Any]], reason: str | None = None, **fields: Any) -> bytes:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if reason is not None:
            candidate["finishReason"] = reason
        return event({"candidates": [candidate], "modelVersion": "m", **fields}).replace(b"\n", b"\r\n")
