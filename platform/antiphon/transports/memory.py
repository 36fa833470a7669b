"""A session inside this process: for tests, benchmarks and the command line.

Paced, it has the shape of a phone line: frames of audio in and out, 20 ms of it every 20 ms, with reports of what
was played. Unpaced, it has the shape of a WebSocket: all audio in events.
"""

import asyncio
from collections.abc import AsyncIterator

from antiphon.engine.inputs import AudioFrame, Played
from antiphon.engine.ports import Disconnected
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.server_events import ServerEvent

FRAME_SECONDS = 0.02
FRAME_BYTES = 960  # PCM16 at 24 kHz

Incoming = ClientEvent | BadEvent | AudioFrame | Played


class MemoryTransport:
    def __init__(self, *, paced: bool) -> None:
        self._paced = paced
        self._loop = asyncio.get_running_loop()
        self._to_session: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._to_client: asyncio.Queue[ServerEvent | None] = asyncio.Queue()
        self._waiting = bytearray()  # audio that has not been played
        self._played = 0
        self._next_frame: asyncio.TimerHandle | None = None
        self.line = bytearray()
        self.closed: tuple[int, str] | None = None

    # The client's side

    def put(self, event: Incoming) -> None:
        self._to_session.put_nowait(event)

    def hang_up(self) -> None:
        self._to_session.put_nowait(None)

    async def events(self) -> AsyncIterator[ServerEvent]:
        """Server events as they come, until the session closes."""
        while (event := await self._to_client.get()) is not None:
            yield event

    @property
    def heard(self) -> bytes:
        """What has been played so far on a paced line, silence left out."""
        return bytes(self.line)

    # The session's side

    @property
    def paced(self) -> bool:
        return self._paced

    async def receive(self) -> Incoming:
        event = await self._to_session.get()
        if event is None:
            raise Disconnected(1000)
        return event

    async def send(self, event: ServerEvent) -> None:
        if self.closed is not None:
            raise Disconnected
        self._to_client.put_nowait(event)

    def play(self, pcm: bytes) -> None:
        self._waiting += pcm
        if self._next_frame is None:
            self._next_frame = self._loop.call_later(FRAME_SECONDS, self._play_frame)

    def stop_playing(self) -> None:
        self._waiting.clear()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        if self._next_frame is not None:
            self._next_frame.cancel()
            self._next_frame = None
        self._to_client.put_nowait(None)

    def _play_frame(self) -> None:
        self._next_frame = None
        frame = self._waiting[:FRAME_BYTES]
        del self._waiting[:FRAME_BYTES]
        self.line += frame
        self._played += len(frame) // 2
        self.put(Played(self._played))
        if self._waiting:
            self._next_frame = self._loop.call_later(FRAME_SECONDS, self._play_frame)
