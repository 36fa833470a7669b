"""The stream between two web processes over which one relays a client to a session of the other.

Frames are a kind (one byte), a length (four bytes, big-endian) and that many bytes. First both ends prove that
they know the platform's key, with an HMAC over nonces: the process that owns the session sends its nonce, the other
answers with its own, its request and the proof of both, and gets the owner's proof. Nothing else is said before.
The stream is not encrypted; it belongs on a private network.
"""

import asyncio
import hmac
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum
from hashlib import sha256
from typing import Literal

import msgspec

from antiphon.engine.ports import Disconnected
from antiphon.protocol.dialects.named import DialectName

MAX_FRAME_BYTES = 24 * 1024 * 1024
_FIRST_FRAME_BYTES = 64 * 1024  # of those who have not proved anything yet
_HELLO_SECONDS = 5.0
_NONCE_BYTES = 32
# Of each buffer on the way. Small, so that little of what a session has sent is under way when a client is lost:
# together they hold 52 kB, measured, and frames still pass at 66 MB/s, one of 13 kB in 0.1 ms.
_BUFFER_BYTES = 8 * 1024
_HEADER = struct.Struct(">BI")
_CLOSE = struct.Struct(">H")


class Kind(IntEnum):
    HELLO = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 3


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller wants of a session, named by its call id or, to resume it, by the digest of its token. Its
    client speaks `dialect`. With a `customer_id` it reaches only what is on that account."""

    want: Literal["attach", "listen_in", "resume", "hang_up"]
    tenant_id: str
    call_id: str = ""
    token_digest: str = ""
    last_event_id: str = ""
    dialect: DialectName = "undeclared"
    customer_id: str = ""


class Stranger(Exception):
    """The other end does not know the key."""


class Link:
    """One end of the stream. Reading and writing raise Disconnected once the other end is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    async def read(self, most: int = MAX_FRAME_BYTES) -> tuple[Kind, bytes]:
        """The next frame. One of an unknown kind or of more than `most` bytes counts as an end."""
        try:
            kind, size = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
            if size > most:
                raise Disconnected
            return Kind(kind), await self._reader.readexactly(size)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            raise Disconnected from None

    async def write(self, kind: Kind, payload: bytes = b"") -> None:
        """Waits while the other end reads too slowly."""
        try:
            self._writer.write(_HEADER.pack(kind, len(payload)))
            self._writer.write(payload)
            await self._writer.drain()
        except (OSError, RuntimeError):  # as uvloop has it, once the stream is closed
            raise Disconnected from None

    async def write_close(self, code: int, reason: str) -> None:
        await self.write(Kind.CLOSE, _CLOSE.pack(code) + reason.encode())

    async def close(self, patience: float = 5.0) -> None:
        """Waits up to `patience` seconds until the other end closes as well: with anything unread, closing would
        throw away what has been written last."""
        # A timeout is an OSError; the other is uvloop's, once the stream is closed.
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(patience):
                self._writer.write_eof()
                while await self._reader.read(_BUFFER_BYTES):
                    pass
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a CLOSE frame."""
    return _CLOSE.unpack_from(payload)[0], payload[_CLOSE.size :].decode()


class Listener:
    """Waits for other processes, and gives `serve` each request together with the link it came over."""

    def __init__(self, key: bytes, serve: Callable[[Request, Link], Awaitable[None]]) -> None:
        self._key = key
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], Link] = {}

    async def start(self, host: str) -> tuple[str, int]:
        """Listens on a free port of `host`, an IP address, and returns where. Raises OSError."""
        listening = _socket(host)
        listening.bind((host, 0))
        self._server = await asyncio.start_server(self._greet, sock=listening, limit=_BUFFER_BYTES)
        address = listening.getsockname()
        return address[0], address[1]

    async def stop(self) -> None:
        """Cuts every link, and returns when all that was served over them has ended."""
        if self._server is not None:
            self._server.close()
        for link in self._open.values():
            link.abort()
        if self._open:
            await asyncio.wait(self._open)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = self._open[task] = Link(reader, writer)
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                request = await _expect(link, self._key)
            await self._serve(request, link)
        except (Disconnected, Stranger, TimeoutError):
            pass
        finally:
            del self._open[task]
            link.abort()


async def call(host: str, port: int, key: bytes, request: Request) -> Link:
    """Asks the process that listens there. Raises Disconnected, and Stranger if it does not know the key."""
    try:
        async with asyncio.timeout(_HELLO_SECONDS):
            return await _call(host, port, key, request)
    except OSError:  # a timeout is one
        raise Disconnected from None


async def _call(host: str, port: int, key: bytes, request: Request) -> Link:
    reaching, link = _socket(host), None
    try:
        await asyncio.get_running_loop().sock_connect(reaching, (host, port))
        link = Link(*await asyncio.open_connection(sock=reaching, limit=_BUFFER_BYTES))
        await _introduce(link, key, request)
    except BaseException:
        if link is None:
            reaching.close()
        else:
            link.abort()
        raise
    return link


async def _expect(link: Link, key: bytes) -> Request:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    await link.write(Kind.HELLO, nonce)
    _, hello = await link.read(_FIRST_FRAME_BYTES)
    size = sha256().digest_size
    proof, theirs, asked = hello[:size], hello[size : size + _NONCE_BYTES], hello[size + _NONCE_BYTES :]
    if not hmac.compare_digest(proof, _proof(key, b"caller", nonce, theirs, asked)):
        raise Stranger("The caller does not know the key.")
    await link.write(Kind.HELLO, _proof(key, b"owner", nonce, theirs, asked))
    return msgspec.json.decode(asked, type=Request)


async def _introduce(link: Link, key: bytes, request: Request) -> None:
    ours, asked = secrets.token_bytes(_NONCE_BYTES), msgspec.json.encode(request)
    _, nonce = await link.read(_FIRST_FRAME_BYTES)
    await link.write(Kind.HELLO, _proof(key, b"caller", nonce, ours, asked) + ours + asked)
    _, proof = await link.read(_FIRST_FRAME_BYTES)
    if not hmac.compare_digest(proof, _proof(key, b"owner", nonce, ours, asked)):
        raise Stranger("The process that was called does not know the key.")


def _proof(key: bytes, role: bytes, owners: bytes, callers: bytes, asked: bytes) -> bytes:
    """Each part has its length before it, so that no other parts have the same proof."""
    parts = (role, owners, callers, asked)
    return hmac.digest(key, b"".join(len(part).to_bytes(4) + part for part in parts), "sha256")


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return made
