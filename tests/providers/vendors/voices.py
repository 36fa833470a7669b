"""What the fake servers of streaming voices share: connections, faults, and audio that says which text it is."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import pybase64
from aiohttp import WSMsgType, web

from antiphon.audio.pcm import size_of
from antiphon.providers.scripted.tts import pcm_of

MS_PER_CHARACTER = 60
CHUNK_MS = 100
KEY = "sk-very-secret-key"

Fault = Literal["stall", "error", "close", "reset", "garbage", "half-open"]
Frame = dict[str, Any] | bytes | str
Timed = tuple[str, float, float]  # a text and its span in ms from the beginning of its response's audio


@dataclass(eq=False)
class Connection:
    """`received` are the decoded messages."""

    socket: web.WebSocketResponse
    request: web.Request
    received: list[dict[str, Any]] = field(default_factory=list)
    contexts: dict[str, "Context"] = field(default_factory=dict)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def go_deaf(self) -> None:
        """As if the network had gone: nobody answers, and nobody says so."""
        transport = self.request.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            if isinstance(frame, bytes):
                await self.socket.send_bytes(frame)
            else:
                await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))


@dataclass(eq=False)
class Context:
    """`said_ms` is the audio made for it so far; `held` is what comes only when it is cancelled: too late."""

    id: str
    said_ms: int = 0
    buffer: str = ""
    ending: bool = False
    held: list[Frame] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """Audio, the characters that begin in it, and where it begins in the response's audio."""

    pcm: bytes
    characters: list[Timed]
    at_ms: float


class VoiceServer:
    """`async with` listens at `base_url`. Vendors' servers say how messages look.

    `status` refuses all handshakes. After `chunks` more chunks of audio comes `fault`, once.
    """

    path: str
    key_header: tuple[str, str]  # and what stands before the key
    base_path = ""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.status: int | None = None
        self.status_headers: dict[str, str] = {}
        self.fault: Fault | None = None
        self.chunks = 0
        self.asked = 0  # handshakes
        self.words_of_error = "The voice is broken."

    def fail(self, fault: Fault, *, after: int = 2) -> None:
        self.fault, self.chunks = fault, after

    # What vendors fill in

    async def hear(self, connection: Connection, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def speech(self, context: Context, chunk: Chunk) -> list[Frame]:
        raise NotImplementedError

    def error(self, context: Context) -> list[Frame]:
        raise NotImplementedError

    def is_keyed(self, request: web.Request) -> bool:
        name, prefix = self.key_header
        return bool(request.headers.get(name) == prefix + KEY)

    # What they use

    def context(self, connection: Connection, id: str = "") -> Context:
        return connection.contexts.setdefault(id, Context(id))

    async def say(self, connection: Connection, context: Context, text: str) -> None:
        for chunk in _chunks(text, context.said_ms):
            frames = self.speech(context, chunk)
            if context.held or (self.fault and self.chunks <= 0):
                context.held += frames
                await self._go_wrong(connection, context)
            else:
                self.chunks -= 1
                await connection.send(*frames)
        context.said_ms += len(text) * MS_PER_CHARACTER

    async def _go_wrong(self, connection: Connection, context: Context) -> None:
        fault, self.fault = self.fault, None
        match fault:
            case "error":
                await connection.send(*self.error(context))
            case "close":
                await connection.socket.close()
            case "reset" if connection.request.transport is not None:
                connection.request.transport.abort()
            case "garbage":
                await connection.send("<html>")
            case "half-open":
                connection.go_deaf()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.status is not None:
            return web.Response(status=self.status, headers=self.status_headers, text=f"No {KEY}")
        if not self.is_keyed(request):
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        try:
            while True:
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                data = json.loads(message.data)
                connection.received.append(data)
                await self.hear(connection, data)
        except ConnectionError:
            pass
        finally:
            connection.closed.set()
        return socket

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(self.base_path + self.path, self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}{self.base_path}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()


def b64(pcm: bytes) -> str:
    return pybase64.b64encode(pcm).decode()


def words_of(text: str, at_ms: float) -> list[Timed]:
    """The words of a text whose audio begins at `at_ms`."""
    words: list[Timed] = []
    position = 0
    for word in text.split():
        position = text.index(word, position)
        start = at_ms + position * MS_PER_CHARACTER
        position += len(word)
        words.append((word, start, at_ms + position * MS_PER_CHARACTER))
    return words


def _chunks(text: str, at_ms: int) -> Iterator[Chunk]:
    pcm = pcm_of(text, MS_PER_CHARACTER)
    for start in range(0, len(text) * MS_PER_CHARACTER, CHUNK_MS):
        characters = [
            (char, at_ms + i * MS_PER_CHARACTER, at_ms + (i + 1) * MS_PER_CHARACTER)
            for i, char in enumerate(text)
            if start <= i * MS_PER_CHARACTER < start + CHUNK_MS
        ]
        yield Chunk(pcm[size_of(start) : size_of(start + CHUNK_MS)], characters, at_ms + start)
