"""What a tool returned, as text for a model that is about to speak."""

from collections.abc import Mapping
from typing import Any

import msgspec

from antiphon.providers.base.tools import ToolFailure

MAX_OUTPUT = 64 * 1024  # characters: about 16,000 tokens, more than a spoken answer can come of


class _Result(msgspec.Struct):
    content: list[dict[str, Any]] = []
    structuredContent: Any = None
    isError: bool = False


def text_of(tool: str, result: Mapping[str, Any]) -> str:
    """The text of the result of a call; what can't be said is named. Raises ToolFailure."""
    try:
        returned = msgspec.convert(result, _Result)
    except msgspec.ValidationError:
        raise ToolFailure(
            "protocol_error", f"The result of {tool!r} is not of the protocol's form.", -32600
        ) from None
    text = "\n".join(_said(part) for part in returned.content)
    if not text and returned.structuredContent is not None:
        text = msgspec.json.encode(returned.structuredContent).decode()
    if len(text) > MAX_OUTPUT:
        raise ToolFailure(
            "tool_execution_error",
            f"The tool {tool!r} returned {len(text)} characters, of which {MAX_OUTPUT} can be used: ask for less.",
        )
    if returned.isError:
        raise ToolFailure("tool_execution_error", text or f"The tool {tool!r} failed and did not say why.")
    return text


def _said(part: Mapping[str, Any]) -> str:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "resource", "resource": {"text": str(text)}}:
            return text
        case {"type": "resource_link", "uri": str(uri)} | {"type": "resource", "resource": {"uri": str(uri)}}:
            return f"[{uri}]"
        case {"mimeType": str(kind)}:
            return f"[{kind}]"
    return f"[{part.get('type', 'something')}]"
