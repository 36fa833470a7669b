"""A session over one WebSocket, in the shape of ASGI: `receive` and `send` are those of the application."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from antiphon.engine.ports import Disconnected
from antiphon.protocol import errors
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent, decode_client_event, encode_server_event
from antiphon.protocol.server_events import ServerEvent

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class WebSocketTransport:
    """Reads frames only when the session asks, so a client that sends too fast fills its own socket."""

    paced = False

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone = False

    async def receive(self) -> ClientEvent | BadEvent:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._gone = True
            raise Disconnected(_close_code(message))
        text = message.get("text")
        if text is None:
            refused = errors.invalid_request("invalid_event", "Events are JSON text frames, not binary ones.")
            return BadEvent(refused, None)
        try:
            return decode_client_event(text)
        except BadEvent as bad:
            return bad

    async def send(self, event: ServerEvent) -> None:
        try:
            await self._send({"type": "websocket.send", "text": encode_server_event(event)})
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


def _close_code(message: Mapping[str, Any]) -> int:
    """uvicorn tells a connection that broke like one closed without a code, but for the reason, which it lacks."""
    code: int = message.get("code", 1005)
    return 1006 if code == 1005 and "reason" not in message else code
