"""The same answer in the three dialects: many short pieces of text, as models stream them."""

import json
from collections.abc import Sequence
from typing import Any

Dialect = str
DIALECTS: tuple[Dialect, ...] = ("openai", "anthropic", "gemini")


def dialect_of(path: str) -> Dialect:
    if path.endswith("/messages"):
        return "anthropic"
    return "openai" if path.endswith("/completions") else "gemini"


def answer(dialect: Dialect, tokens: int) -> Sequence[bytes]:
    """Its server-sent events."""
    return {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}[dialect](tokens)


def _openai(tokens: int) -> Sequence[bytes]:
    def chunk(choices: list[dict[str, Any]], **fields: Any) -> bytes:
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return _event({**head, "choices": choices, **fields})

    def choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]

    usage = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
    return [
        chunk(choice({"role": "assistant", "content": ""})),
        *(chunk(choice({"content": " token"})) for _ in range(tokens)),
        chunk(choice({}, "stop")),
        chunk([], usage=usage),
        b"data: [DONE]\n\n",
    ]


def _anthropic(tokens: int) -> Sequence[bytes]:
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 1},
    }
    delta = {"type": "text_delta", "text": " token"}
    bodies: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for _ in range(tokens)),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": tokens},
        },
        {"type": "message_stop"},
    ]
    return [b"event: " + body["type"].encode() + b"\n" + _event(body) for body in bodies]


def _gemini(tokens: int) -> Sequence[bytes]:
    def chunk(text: str, **candidate: Any) -> bytes:
        content = {"parts": [{"text": text}], "role": "model"}
        usage = {"promptTokenCount": 100, "candidatesTokenCount": tokens, "totalTokenCount": 100 + tokens}
        body = {
            "candidates": [{"content": content, "index": 0, **candidate}],
            "usageMetadata": usage,
            "modelVersion": "m",
            "responseId": "r1",
        }
        return _event(body).replace(b"\n", b"\r\n")

    return [*(chunk(" token") for _ in range(tokens)), chunk("", finishReason="STOP")]


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"
