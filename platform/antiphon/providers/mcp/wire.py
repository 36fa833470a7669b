"""One JSON-RPC message to an MCP server over streamable HTTP, and the response to it.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.outbound.http import Answer, AnswerTooLarge, OutboundHttp, OutboundTimeout
from antiphon.outbound.policy import OutboundError, OutboundRefused
from antiphon.providers.base.sse import SseParser
from antiphon.providers.base.tools import ToolFailure, ToolServer

SESSION_HEADER = "Mcp-Session-Id"
VERSION_HEADER = "MCP-Protocol-Version"
MAX_BODY = 1 << 20  # bytes of one answer
MAX_MESSAGE = 300  # characters of the server's own words that are passed on
COURTESY = 1.0  # seconds for what the server should know and nobody waits for

PARSE_ERROR = -32700  # these codes are JSON-RPC's
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

_ADVICE: Mapping[int, str] = {
    401: "refused the authorization: check the token or the headers of this tool",
    403: "does not allow this: check what the token of this tool may do",
    404: "has nothing at this address: check the server_url of this tool",
    405: "does not take MCP requests at this address: check the server_url of this tool",
    429: "limits the rate of requests: try again later",
}


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Message(msgspec.Struct):
    """Any message of a server: a response, or a request or notification of its own."""

    id: int | str | None = None
    method: str | None = None
    result: dict[str, Any] | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Message)


class SessionLost(Exception):
    """The server no longer knows the session; it did not look at the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    result: dict[str, Any]
    session_id: str | None


class Wire:
    """Sends messages to one server. `timeout` is in seconds, for one message with its response."""

    def __init__(self, http: OutboundHttp, server: ToolServer, timeout: float) -> None:
        self.label = server.label
        self._http = http
        self._url = server.url
        self._headers = dict(server.headers)
        self._timeout = timeout
        self._last_id = 0

    async def request(self, method: str, params: Mapping[str, Any], session: Mapping[str, str]) -> Reply:
        """`session` are the headers of the MCP session, none before there is one. When it is cancelled or takes
        too long, the server is told. Raises ToolFailure and SessionLost."""
        self._last_id += 1
        request_id = self._last_id
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        try:
            async with self._post(message, session, self._timeout) as answer:
                await self._check_status(answer, session)
                async with aclosing(self._messages(answer)) as messages:
                    async for received in messages:
                        if received.method is None and received.id in (request_id, None):
                            return Reply(self._result(received), answer.headers.get(SESSION_HEADER))
                        if received.method is not None and received.id is not None:
                            await self._answer(received, session)
        except OutboundTimeout as error:
            await self._forget(request_id, session)
            raise ToolFailure("http_error", str(error), 504) from None
        except OutboundError as error:
            raise ToolFailure("http_error", str(error), _gateway_status(error)) from None
        except asyncio.CancelledError:
            await self._forget(request_id, session)
            raise
        raise self.failure("sent no response", INVALID_REQUEST)

    async def notify(self, method: str, params: Mapping[str, Any], session: Mapping[str, str]) -> None:
        """Sends a message that has no response. Raises OutboundError."""
        async with self._post({"jsonrpc": "2.0", "method": method, "params": params}, session, COURTESY):
            pass

    async def end(self, session: Mapping[str, str]) -> None:
        """Tells the server that its session is over. Raises OutboundError."""
        async with self._http.request(
            "DELETE", self._url, headers={**self._headers, **session}, timeout=COURTESY, max_body=MAX_BODY
        ):
            pass

    def failure(self, problem: str, code: int) -> ToolFailure:
        return ToolFailure("protocol_error", f"The tool server {self.label!r} {problem}.", code)

    def redact(self, text: str) -> str:
        """`text`, which comes from the server, without what lets us in, and no longer than is of use."""
        for value in self._headers.values():
            for secret in (value, value.rpartition(" ")[2]):
                if len(secret) > 3:
                    text = text.replace(secret, "***")
        return text[:MAX_MESSAGE]

    def _post(
        self, message: Mapping[str, Any], session: Mapping[str, str], timeout: float
    ) -> AbstractAsyncContextManager[Answer]:
        headers = {
            **self._headers,
            **session,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        body = msgspec.json.encode(message)
        return self._http.request(
            "POST", self._url, headers=headers, body=body, timeout=timeout, max_body=MAX_BODY
        )

    async def _check_status(self, answer: Answer, session: Mapping[str, str]) -> None:
        if answer.status < 300:
            return
        if answer.status == 404 and SESSION_HEADER in session:
            raise SessionLost
        advice = _ADVICE.get(answer.status, "refused the request" if answer.status < 500 else "failed")
        text = f"The tool server {self.label!r} {advice} (status {answer.status})."
        with suppress(msgspec.DecodeError, UnicodeDecodeError, AnswerTooLarge):
            said = _decoder.decode(await answer.body()).error
            if said is not None and said.message:
                text += f" It said: {self.redact(said.message)}"
        raise ToolFailure("http_error", text, answer.status)

    async def _messages(self, answer: Answer) -> AsyncGenerator[_Message, None]:
        if answer.content_type == "text/event-stream":
            events = SseParser(MAX_BODY)
            async for chunk in answer.chunks():
                for data in events.feed(chunk):
                    if data:  # an empty one only opens the stream
                        yield self._decode(data)
        else:
            yield self._decode(await answer.body())

    def _decode(self, data: bytes) -> _Message:
        try:
            return _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.failure("answered with something that is no JSON-RPC message", PARSE_ERROR) from None

    def _result(self, received: _Message) -> dict[str, Any]:
        if received.error is not None:
            said = self.redact(received.error.message)
            raise ToolFailure(
                "protocol_error", f"The tool server {self.label!r} refused: {said}", received.error.code
            )
        if received.result is None:
            raise self.failure("sent a response without a result", INVALID_REQUEST)
        return received.result

    async def _answer(self, asked: _Message, session: Mapping[str, str]) -> None:
        """A server may ask whether we are there; whatever else it asks of a client, we offer none of it."""
        response: dict[str, Any] = {"jsonrpc": "2.0", "id": asked.id}
        if asked.method == "ping":
            response["result"] = {}
        else:
            response["error"] = {
                "code": METHOD_NOT_FOUND,
                "message": "This client offers nothing of the kind.",
            }
        with suppress(OutboundError):
            async with self._post(response, session, COURTESY):
                pass

    async def _forget(self, request_id: int, session: Mapping[str, str]) -> None:
        """A closed connection alone does not tell a server to stop."""
        if session:
            with suppress(OutboundError):
                await self.notify("notifications/cancelled", {"requestId": request_id}, session)


def _gateway_status(error: OutboundError) -> int:
    return 403 if isinstance(error, OutboundRefused) else 502
