"""Reading WebSocket frames the short way: what the application gets is what uvicorn alone would have given it."""

import asyncio
import struct
from itertools import pairwise
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode

from antiphon.config.frames import QuickFrames

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MOST = 200_000  # bytes of a message


class Line(asyncio.Transport):
    """Keeps what is written, and whether the client has to wait."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.waits = False
        self.pauses = 0
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        assert not self.waits
        self.waits = True
        self.pauses += 1

    def resume_reading(self) -> None:
        assert self.waits
        self.waits = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


async def opened(kind: type[WebSocketsSansIOProtocol]) -> tuple[WebSocketsSansIOProtocol, Line]:
    """A connection whose messages nobody has received yet."""
    config = uvicorn.Config(application, ws=kind, ws_max_size=MOST, ws_ping_interval=None, log_config=None)
    config.load()
    connection, line = kind(config, ServerState(), {}), Line()
    connection.connection_made(line)
    connection.data_received(HANDSHAKE)
    while not connection.handshake_complete:  # noqa: ASYNC110  it has no event to wait for
        await asyncio.sleep(0)
    connection.queue.get_nowait()
    line.written = b""
    return connection, line


def frame(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


async def read(
    kind: type[WebSocketsSansIOProtocol], chunks: list[bytes]
) -> tuple[list[Any], bytes, bool, str]:
    """What the application gets, what the client is told, whether it was closed, and what the event loop met."""
    connection, line = await opened(kind)
    met = ""
    try:
        for chunk in chunks:
            if not line.closed:
                connection.data_received(chunk)
    except InvalidState as error:  # the library's own, at bad text after a close
        met = str(error)
    received = []
    while not connection.queue.empty():
        received.append(await connection.receive())
    assert not line.waits  # all was received
    for task in connection.tasks:
        task.cancel()
    return received, line.written, line.closed, met


async def test_a_whole_text_frame_does_not_pass_through_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    connection, line = await opened(QuickFrames)
    monkeypatch.setattr(connection.conn, "receive_data", None)
    for text in ("", "short", "x" * 125, "y" * 126, "Grüße " * 200, "z" * 65_535):
        connection.data_received(frame(text.encode()))
        assert await connection.receive() == {"type": "websocket.receive", "text": text}
    assert line.pauses == 0


async def test_nor_do_several_that_came_together(monkeypatch: pytest.MonkeyPatch) -> None:
    connection, line = await opened(QuickFrames)
    monkeypatch.setattr(connection.conn, "receive_data", None)
    texts = ["a" * 1_300, "", "b" * 126]
    connection.data_received(b"".join(frame(text.encode()) for text in texts))
    assert line.waits
    for text in texts:
        assert await connection.receive() == {"type": "websocket.receive", "text": text}
    assert not line.waits


async def test_a_client_waits_while_two_messages_are_unread() -> None:
    connection, line = await opened(QuickFrames)
    connection.data_received(frame(b"one"))
    assert not line.waits
    connection.data_received(frame(b"two"))
    assert line.waits
    await connection.receive()
    assert line.waits
    await connection.receive()
    assert not line.waits


FRAMES = st.one_of(
    st.text(max_size=300).map(lambda text: frame(text.encode())),
    st.sampled_from([70_000, 65_536, 126, 125]).map(lambda size: frame(b"a" * size)),
    st.text(max_size=20).map(lambda text: frame(text.encode(), fin=False)),
    st.builds(lambda data, fin: frame(data, Opcode.CONT, fin=fin), st.binary(max_size=20), st.booleans()),
    st.binary(max_size=20).map(lambda data: frame(data, Opcode.BINARY)),
    st.binary(max_size=20).map(lambda data: frame(data, Opcode.PING)),
    st.binary(max_size=20).map(lambda data: frame(data, Opcode.PONG)),
    st.just(frame(struct.pack(">H", 1000) + b"bye", Opcode.CLOSE)),
    st.just(frame(b"\xff\xfe")),  # no UTF-8
    st.just(frame(b"a" * (MOST + 1))),
    st.just(b"\x81\x05hello"),  # not masked
    st.just(b"\xc1\x80abcd"),  # an extension that nobody agreed on
    st.just(b"\x83\x80abcd"),  # no such kind
    st.binary(min_size=1, max_size=20),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAMES, max_size=8), st.lists(st.floats(0, 1), max_size=6), st.booleans())
def test_whatever_comes_however_split_is_read_as_by_the_library(
    frames: list[bytes], cuts: list[float], split: bool
) -> None:
    chunks = frames
    if split:
        stream = b"".join(frames)
        at = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
        chunks = [stream[start:end] for start, end in pairwise(at) if end > start]

    async def both() -> None:
        assert await read(QuickFrames, chunks) == await read(WebSocketsSansIOProtocol, chunks)

    asyncio.run(both())
