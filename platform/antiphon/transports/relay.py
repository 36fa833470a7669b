"""A client whose socket is in another process than its session: both ends of the way between.

Frames pass as they are. Only the end at the session knows what is in them.
"""

import asyncio
from contextlib import suppress

from antiphon.engine.ports import Disconnected, Incoming
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.server_events import ServerEvent
from antiphon.transports.relay_link import Kind, Link, read_close
from antiphon.transports.websocket import Receive, Send, close_code, read_frame

RESTARTING = 1012
_SETTLE = 0.5  # seconds for `receive` to tell how a client left that `send` no longer reaches


class RelayTransport:
    """The end at the session. A relaying process that dies is a client that lost its connection."""

    paced = False

    def __init__(self, link: Link, dialect: Dialect = GA) -> None:
        self._link = link
        self._dialect = dialect

    async def receive(self) -> Incoming:
        kind, payload = await self._link.read()
        if kind is Kind.CLOSE:
            raise Disconnected(read_close(payload)[0])
        return read_frame(payload.decode() if kind is Kind.TEXT else None, self._dialect)

    async def send(self, event: ServerEvent) -> None:
        for frame in self._dialect.encode(event):
            await self._link.write(Kind.TEXT, frame.encode())

    def play(self, pcm: bytes) -> None:
        raise NotImplementedError("A relayed client gets audio in events.")

    def stop_playing(self) -> None:
        raise NotImplementedError("A relayed client gets audio in events.")

    async def close(self, code: int, reason: str) -> None:
        await self._link.write_close(code, reason)
        await self._link.close()


async def relay(link: Link, receive: Receive, send: Send) -> None:
    """The end at the client: passes frames on both ways, each as fast as the other side takes them, until one side
    closes. `receive` and `send` are those of an ASGI application whose socket is open."""
    try:
        async with asyncio.TaskGroup() as group:
            both = {
                group.create_task(_to_session(link, receive), name="relay the client"),
                group.create_task(_to_client(link, send), name="relay the session"),
            }
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
        await link.close(_SETTLE)
    finally:
        link.abort()


async def _to_session(link: Link, receive: Receive) -> None:
    with suppress(Disconnected):
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:
                await link.write(Kind.BINARY)
            else:
                await link.write(Kind.TEXT, text.encode())
        code = close_code(message)
        # That this process ends is no reason for the session to: its client can come back through another.
        await link.write_close(1006 if code == RESTARTING else code, "")


async def _to_client(link: Link, send: Send) -> None:
    code, reason = RESTARTING, "the process of the session has ended"
    try:
        with suppress(Disconnected):
            while (frame := await link.read())[0] is not Kind.CLOSE:
                await send({"type": "websocket.send", "text": frame[1].decode()})
            code, reason = read_close(frame[1])
        await send({"type": "websocket.close", "code": code, "reason": reason})
    except (OSError, RuntimeError):  # what ASGI servers raise once the client has gone
        await asyncio.sleep(_SETTLE)  # for `receive`, which knows how it left
