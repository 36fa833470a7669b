"""Stands before the platform as a company's load balancer would: it ends TLS and passes the bytes on untouched.

Because it sees every byte of every client, it also tells afterwards which events went over the wire.
"""

import asyncio
import contextlib
import json
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

Event = dict[str, Any]


@dataclass
class Recording:
    """One connection: the bytes of both directions, HTTP upgrade included."""

    sent: bytearray = field(default_factory=bytearray, repr=False)  # by the client
    received: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def client_events(self) -> list[Event]:
        messages = _messages(self.sent, ServerProtocol(state=State.OPEN, max_size=None))
        return [json.loads(message) for message in messages]

    @property
    def server_frames(self) -> list[str]:
        uri = parse_uri("ws://recorded")
        return _messages(self.received, ClientProtocol(uri, state=State.OPEN, max_size=None))

    @property
    def server_events(self) -> list[Event]:
        return [json.loads(frame) for frame in self.server_frames]


class RecordingProxy:
    """`async with RecordingProxy(port, tls) as proxy` listens on `proxy.port` for what is meant for `port`."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._upstream = port
        self._tls = tls
        self._server: asyncio.Server
        self.recordings: list[Recording] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recording = Recording()
        self.recordings.append(recording)
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, upstream_writer, recording.sent))
            both.create_task(_pump(upstream_reader, writer, recording.received))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(65536):
            kept += piece
            writer.write(piece)
            await writer.drain()
    writer.close()


def _messages(stream: bytearray, parser: Protocol) -> list[str]:
    """The text messages after an upgrade, fragments joined. None is compressed: the platform never agrees to it."""
    _, _, frames = bytes(stream).partition(b"\r\n\r\n")
    parser.receive_data(frames)
    messages: list[str] = []
    parts: list[bytes] = []
    for frame in parser.events_received():
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            parts.append(bytes(frame.data))
            if frame.fin:
                messages.append(b"".join(parts).decode())
                parts = []
    return messages
