"""A session over one WebSocket, in the shape of ASGI: `receive` and `send` are those of the application."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from antiphon.engine.ports import Disconnected
from antiphon.protocol import errors
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.server_events import ServerEvent

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_LONG = (
    256 * 1024
)  # characters, from which on a frame is dealt with in steps, between which others get their turn


class WebSocketTransport:
    """Reads frames only when the session asks, so a client that sends too fast fills its own socket."""

    paced = False

    def __init__(self, receive: Receive, send: Send, dialect: Dialect = GA) -> None:
        self._dialect = dialect
        self._receive = receive
        self._send = send
        self._gone = False

    async def receive(self) -> ClientEvent | BadEvent:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._gone = True
            raise Disconnected(close_code(message))
        text = message.get("text")
        if text is None or len(text) < _LONG:
            return read_frame(text, self._dialect)
        await asyncio.sleep(0)  # reading it took long; decoding and using it each take their time as well
        event = read_frame(text, self._dialect)
        await asyncio.sleep(0)
        return event

    async def send(self, event: ServerEvent) -> None:
        try:
            for frame in self._dialect.encode(event):
                await self._send({"type": "websocket.send", "text": frame})
        except (OSError, RuntimeError):  # what ASGI servers raise once the client has gone
            self._gone = True
            raise Disconnected from None

    def play(self, pcm: bytes) -> None:
        raise NotImplementedError("A WebSocket carries audio in events.")

    def stop_playing(self) -> None:
        raise NotImplementedError("A WebSocket carries audio in events.")

    async def close(self, code: int, reason: str) -> None:
        if self._gone:
            return
        self._gone = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            raise Disconnected from None


def read_frame(text: str | None, dialect: Dialect) -> ClientEvent | BadEvent:
    """What a text frame says; None stands for a binary one."""
    if text is None:
        refused = errors.invalid_request("invalid_event", "Events are JSON text frames, not binary ones.")
        return BadEvent(refused, None)
    try:
        return dialect.decode(text)
    except BadEvent as bad:
        return bad


def close_code(disconnect: Mapping[str, Any]) -> int:
    """The code that a client left with. uvicorn says 1005 for a socket that broke as well, but only with a client's
    own close does a reason come along."""
    code: int = disconnect.get("code", 1006)
    return 1006 if code == 1005 and "reason" not in disconnect else code
