"""What the servers of all streaming recognisers share: they record what they are sent, and follow a script."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal

from aiohttp import WSCloseCode, WSMsgType, web

Sign = Literal["probably_ended", "resumed", "ended"]


class SttConnection(ABC):
    """One connection of a client. The vendor's subclass knows its wire: asserts what it is sent, and says things.

    `audio` is the audio received, `finished` is set when the client has asked for what is missing, `left` when it
    has closed the connection, `said` are all JSON messages and texts it sent.
    """

    path: ClassVar[str]
    rate: ClassVar[int] = 24_000
    signs: ClassVar[tuple[Sign, ...]] = ()
    """What it says about turns, by `sign`."""
    greeting: ClassVar[dict[str, Any] | None] = None
    """What it says before anything else."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.query = request.query
        self.headers = request.headers
        self.audio = bytearray()
        self.said: list[Any] = []
        self.finished = asyncio.Event()
        self.left = asyncio.Event()
        self._request = request
        self._socket = socket
        self._news = asyncio.Event()

    @abstractmethod
    def take(self, frame: bytes | str | dict[str, Any]) -> None:
        """Adds to `audio`, sets `finished`; AssertionError for what the vendor would refuse."""

    @abstractmethod
    async def partial(self, text: str) -> None:
        """What the vendor's turn says so far."""

    @abstractmethod
    async def turn(self, text: str) -> None:
        """The vendor thinks that a turn is over, which said this."""

    @abstractmethod
    async def rest(self, text: str) -> None:
        """Once the client has finished: what is left, and that this is all. Closes if the vendor does."""

    @abstractmethod
    async def error(self, words: str) -> None: ...

    async def sign(self, sign: Sign, text: str) -> None:
        """One of `signs`; `text` is what the turn says by then."""
        raise NotImplementedError

    async def heard(self, milliseconds: int) -> None:
        """Waits for so much audio."""
        while len(self.audio) < milliseconds * self.rate * 2 // 1000:
            await self._more()

    async def told(self, message: Any) -> None:
        """Waits until the client said this."""
        while message not in self.said:
            await self._more()

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        await self._socket.close(code=code, message=reason.encode())

    async def close_without_status(self) -> None:
        """The connection just ends, in good order, without a closing message."""
        assert self._request.transport is not None
        self._request.transport.close()

    def reset(self) -> None:
        """Breaks the connection without a word."""
        assert self._request.transport is not None
        self._request.transport.abort()

    async def read(self) -> None:
        try:
            async for message in self._socket:
                match message.type:
                    case WSMsgType.BINARY:
                        self.take(message.data)
                    case WSMsgType.TEXT:
                        frame = _json(message.data)
                        self.said.append(frame)
                        self.take(frame)
                self._news.set()
        finally:
            self.left.set()
            self._news.set()

    async def _more(self) -> None:
        assert not self.left.is_set(), "The client has left."
        self._news.clear()
        await self._news.wait()


Script = Callable[[Any], Awaitable[None]]


def transcribes(text: str) -> Script:
    """Says nothing until the client has finished."""

    async def script(connection: SttConnection) -> None:
        await connection.finished.wait()
        await connection.rest(text)

    return script


class SttServer:
    """`async with SttServer(Connection) as vendor:` listens at `vendor.base_url` and keeps its `connections`.

    A `refusal` answers the handshake; `deaf`, it answers no pings and no closing; `door`, unless set, holds
    handshakes up. What clients did wrong is in `mistakes`.
    """

    def __init__(self, connection: type[SttConnection]) -> None:
        self.base_url = ""
        self.connections: list[SttConnection] = []
        self.connected = asyncio.Event()
        self.door = asyncio.Event()
        self.door.set()
        self.script: Script = transcribes("Good morning.")
        self.refusal: tuple[int, Mapping[str, str], str] | None = None
        self.deaf = False
        self.mistakes: list[Exception] = []
        self._connection = connection
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "SttServer":
        app = web.Application()
        app.router.add_get(self._connection.path, self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        await self.door.wait()
        if self.refusal is not None:
            status, headers, body = self.refusal
            return web.Response(status=status, headers=headers, text=body)
        socket = web.WebSocketResponse(
            autoping=not self.deaf, autoclose=not self.deaf, timeout=0.1, max_msg_size=1 << 24
        )
        await socket.prepare(request)
        try:
            connection = self._connection(request, socket)
            self.connections.append(connection)
            self.connected.set()
            async with asyncio.TaskGroup() as tasks:
                acting = tasks.create_task(self._act(connection))
                await connection.read()
                acting.cancel()
        except* Exception as failures:
            self.mistakes += failures.exceptions
        return socket

    async def _act(self, connection: SttConnection) -> None:
        try:
            if connection.greeting is not None:
                await connection.send(connection.greeting)
            await self.script(connection)
        except ConnectionError:
            pass  # the client has left


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
