"""The client's end of one connection to a session in this process, and the transport at the other end."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from antiphon.engine.inputs import AudioFrame
from antiphon.protocol.client_events import InputAudioAppend
from antiphon.protocol.codec import encode_server_event
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.ga import GA
from antiphon.transports.memory import MemoryTransport
from antiphon.transports.websocket import WebSocketTransport, read_frame

Event = dict[str, Any]


class Line:
    """A phone line: audio in frames both ways, and no way back once it is down. Interface of a Socket."""

    def __init__(self, learn: Callable[[Event], None]) -> None:
        self.frames: list[str] = []
        self.transport = MemoryTransport(paced=True)
        self._learn = learn
        self._listening = asyncio.ensure_future(self._listen())

    @property
    def closed(self) -> tuple[int, str] | None:
        return self.transport.closed

    def put(self, frame: str | bytes) -> None:
        event = read_frame(frame if isinstance(frame, str) else None, GA)
        if isinstance(event, InputAudioAppend):
            self.transport.put(AudioFrame(event.audio[: len(event.audio) & ~1]))
        else:
            self.transport.put(event)

    def stop_reading(self) -> None:
        """A line is always heard."""

    def read_again(self) -> None:
        """A line is always heard."""

    def close(self) -> None:
        self.transport.hang_up()

    def break_off(self) -> None:
        self.transport.drop()

    async def _listen(self) -> None:
        async for event in self.transport.events():
            frame = encode_server_event(event)
            self.frames.append(frame)
            self._learn(json.loads(frame))


class Socket:
    """Shaped as an ASGI server has it, down to what it raises once the client has gone.

    `buffer`: how many frames the network takes while the client does not read.
    """

    def __init__(
        self, dialect: Dialect, learn: Callable[[Event], None] = lambda event: None, buffer: int = 3
    ) -> None:
        self.frames: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.transport = WebSocketTransport(self._receive, self._send, dialect)
        self._learn = learn
        self._buffer = buffer
        self._in_flight: list[str] = []
        self._reading = True
        self._gone = False
        self._progress = asyncio.Event()
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @property
    def events(self) -> list[Event]:
        return [json.loads(frame) for frame in self.frames]

    @property
    def open(self) -> bool:
        return self.closed is None and not self._gone

    def put(self, frame: str | bytes) -> None:
        content = {"text": frame} if isinstance(frame, str) else {"bytes": frame}
        self._to_app.put_nowait({"type": "websocket.receive", **content})

    def stop_reading(self) -> None:
        self._reading = False

    def read_again(self) -> None:
        self._reading = True
        self._arrive()

    def close(self) -> None:
        """With a close frame."""
        self._leave({"type": "websocket.disconnect", "code": 1000, "reason": ""})

    def break_off(self) -> None:
        self._leave({"type": "websocket.disconnect", "code": 1006})

    def _leave(self, message: dict[str, Any]) -> None:
        self._gone = True
        self._progress.set()
        self._to_app.put_nowait(message)

    def _arrive(self) -> None:
        for frame in self._in_flight:
            self.frames.append(frame)
            self._learn(json.loads(frame))
        self._in_flight.clear()
        self._progress.set()

    async def _receive(self) -> dict[str, Any]:
        return await self._to_app.get()

    async def _send(self, message: Any) -> None:
        while not self._gone and not self._reading and len(self._in_flight) >= self._buffer:
            self._progress.clear()
            await self._progress.wait()
        if self._gone:
            raise OSError("The client has gone.")
        if message["type"] == "websocket.close":
            self.closed = message["code"], message["reason"]
            self._in_flight.clear()
            return
        self._in_flight.append(message["text"])
        if self._reading:
            self._arrive()
