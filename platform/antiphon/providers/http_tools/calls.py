"""What a call of a tool is on the wire, and what comes of the answer. Pure: nothing is sent here.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from standardwebhooks import Webhook

from antiphon.protocol.items import FunctionCall
from antiphon.providers.base.tools import ToolFailure

MAX_MESSAGE = 300  # characters of the server's own words that a failure passes on
_NOTHING = "done"  # said to the model of an empty answer
_ADVICE: Mapping[int, str] = {
    401: "refused the authorization",
    403: "does not allow this",
    404: "has nothing at this address",
    405: "takes no POST requests at this address",
    429: "limits the rate of requests",
}


@dataclass(frozen=True, slots=True)
class HttpTool:
    """How to call one tool. `signing_secrets` all sign, the newest first. `timeout` is in seconds and covers a
    second try, `max_body` in bytes."""

    name: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = 10.0
    max_body: int = 64 * 1024

    def redact(self, text: str) -> str:
        """`text`, which comes from the server, without what lets us in."""
        words = [value for _, value in self.headers]
        for secret in (*self.signing_secrets, *words, *(value.rpartition(" ")[2] for value in words)):
            if len(secret) > 3:
                text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose conversation a call belongs to. `agent` is empty for a session without one."""

    session_id: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One try. Those of one call differ in time and signature only."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes


def body_of(tool: HttpTool, call: FunctionCall, caller: Caller) -> bytes:
    """Raises ToolFailure if what the model wrote are no arguments."""
    try:
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        message = f"The arguments of {tool.name!r} are no JSON object: call it again with one."
        raise ToolFailure("protocol_error", message) from None
    return msgspec.json.encode(
        {
            "type": "tool.call",
            "session_id": caller.session_id,
            "agent": caller.agent or None,
            "call_id": call.call_id,
            "tool": tool.name,
            "arguments": arguments,
        }
    )


def request_of(tool: HttpTool, call: FunctionCall, body: bytes, now: datetime | None = None) -> Request:
    """The item's id is the key: models' own ids of calls need not be unique beyond a session."""
    now = now or datetime.now(UTC)
    signatures = [Webhook(secret).sign(call.id, now, body.decode()) for secret in tool.signing_secrets]
    headers = {
        **dict(tool.headers),
        "Content-Type": "application/json",
        "Idempotency-Key": call.id,
        "webhook-id": call.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Request(tool.url, headers, body)


def output_of(tool: HttpTool, status: int, content_type: str, body: bytes) -> str:
    """What the model is told of an answer. Raises ToolFailure."""
    if not 200 <= status < 300:
        advice = _ADVICE.get(status, "refused the call" if status < 500 else "failed")
        said = tool.redact(body.decode(errors="replace")).strip()[:MAX_MESSAGE]
        words = f" It said: {said}" if said and "html" not in content_type else ""
        raise ToolFailure(
            "http_error", f"The server of the tool {tool.name!r} {advice} (status {status}).{words}", status
        )
    if not body:
        return _NOTHING
    try:
        text = body.decode()
        if content_type != "text/plain":
            msgspec.json.decode(body)
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise ToolFailure(
            "protocol_error",
            f"The server of the tool {tool.name!r} answered with something that is no JSON, as {content_type}.",
        ) from None
    return tool.redact(text)
