"""A light client: a microphone that is always on, and the times at which things were sent and arrived.

Its audio is WebSocket frames before the clock starts and goes straight to the socket, so that the client is never
what is measured.
"""

import asyncio
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pybase64
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from measuring.platform import Platform
from measuring.speech import FRAME_BYTES, FRAME_MS, Recording, room

PATIENCE = 60.0  # seconds to wait for any one event
_PIECE_BYTES = 64 * 1024


class Event(msgspec.Struct):
    """What is measured of a server event. `at` is when it arrived, in seconds."""

    type: str
    at: float = 0.0
    audio_start_ms: int = 0
    audio_end_ms: int = 0
    response_id: str = ""
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Event).decode


def frames_of(pcm: bytes) -> list[bytes]:
    """WebSocket frames with append events of 20 ms; what is left over of less than that is dropped."""
    return [
        frame_of(b'{"type":"input_audio_buffer.append","audio":"%s"}' % pybase64.b64encode(pcm[start:end]))
        for start, end in pairwise(range(0, len(pcm) + 1, FRAME_BYTES))
    ]


def frame_of(text: bytes) -> bytes:
    return Frame(Opcode.TEXT, text).serialize(mask=True)


_ROOM = frames_of(room(1000))


class Caller:
    """`async with calling(platform, session) as caller`. Positions are milliseconds of the audio sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.events: list[Event] = []
        self.late: list[float] = []  # seconds by which each frame left after its time
        self._connection = connection
        self._sent = array("d")
        self._to_say: deque[bytes] = deque()
        self._due = 0.0
        self._next_frame: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()

    @property
    def frames_sent(self) -> int:
        return len(self._sent)

    def say(self, frames: Sequence[bytes]) -> int:
        """Speaks after all that is still to be said; returns the position at which this begins."""
        position = (len(self._sent) + len(self._to_say)) * FRAME_MS
        self._to_say.extend(frames)
        return position

    @property
    def silent(self) -> bool:
        """All has been said."""
        return not self._to_say

    def sent_at(self, position: int) -> float:
        """When the frame left in which the audio before `position` ends."""
        return self._sent[max(position - 1, 0) // FRAME_MS]

    async def send(self, event: Mapping[str, Any]) -> None:
        await self._connection.send(msgspec.json.encode(event).decode())

    async def send_slowly(self, frame: bytes) -> None:
        """A large frame, piece by piece, so that this process does not hold up what is measured in it."""
        transport = self._connection.transport
        for start in range(0, len(frame), _PIECE_BYTES):
            transport.write(frame[start : start + _PIECE_BYTES])
            while transport.get_write_buffer_size():
                await asyncio.sleep(0)

    def send_at_once(self, recording: Recording, silence_ms: int) -> None:
        """Audio as fast as the platform takes it; not for a caller whose microphone is on."""
        frames = frames_of(recording.pcm + room(silence_ms))
        self._connection.transport.write(b"".join(frames))
        self._sent.extend([time.perf_counter()] * len(frames))

    async def ping(self) -> float:
        """Seconds that a ping and its pong take."""
        began = time.perf_counter()
        await (await self._connection.ping())
        return time.perf_counter() - began

    async def wait_for(self, kind: str, since: int = 0) -> Event:
        """The first event of this type from number `since` on."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events[since:]:
                    if event.type == kind:
                        return event
                since = len(self.events)
                self._news.clear()
                await self._news.wait()

    async def listen(self) -> None:
        try:
            while True:
                message = await self._connection.recv()
                at = time.perf_counter()
                event = _decode(message)
                event.at = at
                self.events.append(event)
                self._news.set()
                if event.type == "error":
                    raise RuntimeError(f"The platform refused something: {bytes(event.error).decode()}")
        except ConnectionClosed:
            pass

    def speak(self, first_frame_in: float) -> None:
        """Turns the microphone on: a frame every 20 ms, a quiet room when there is nothing to say."""
        self._due = time.perf_counter() + first_frame_in
        self._speak_later()

    def stop_speaking(self) -> None:
        if self._next_frame is not None:
            self._next_frame.cancel()

    def _speak_later(self) -> None:
        wait = max(0.0, self._due - time.perf_counter())
        self._next_frame = asyncio.get_running_loop().call_later(wait, self._speak)

    def _speak(self) -> None:
        now = time.perf_counter()
        self.late.append(now - self._due)
        frame = self._to_say.popleft() if self._to_say else _ROOM[len(self._sent) % len(_ROOM)]
        self._sent.append(now)
        self._connection.transport.write(frame)
        self._due += FRAME_MS / 1000
        self._speak_later()


@asynccontextmanager
async def calling(
    platform: Platform,
    session: Mapping[str, Any] | None = None,
    *,
    microphone: bool = True,
    phase: float = 0.0,
) -> AsyncIterator[Caller]:
    """A session under these settings. `phase` from 0 to 1 says when within 20 ms the microphone's frames leave."""
    async with connect(
        f"{platform.url}?model=llm/stub",
        additional_headers={"Authorization": f"Bearer {platform.api_key}"},
        compression=None,
        max_size=None,
        ping_interval=None,
    ) as connection:
        caller = Caller(connection)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(caller.listen())
            await caller.wait_for("session.created")
            if session:
                await caller.send({"type": "session.update", "session": {"type": "realtime", **session}})
                await caller.wait_for("session.updated")
            if microphone:
                caller.speak(phase * FRAME_MS / 1000)
            try:
                yield caller
            finally:
                caller.stop_speaking()
                listening.cancel()


def server_vad(silence_ms: int = 200) -> dict[str, Any]:
    return _listening({"type": "server_vad", "silence_duration_ms": silence_ms})


def semantic_vad(eagerness: str, *, speculate: bool) -> dict[str, Any]:
    """`speculate`: answers may be begun before their turn is known to be over."""
    listening = _listening({"type": "semantic_vad", "eagerness": eagerness})
    return {**listening, "providerData": {"antiphon": {"speculate": speculate}}}


def _listening(turn_detection: Mapping[str, Any]) -> dict[str, Any]:
    return {"audio": {"input": {"turn_detection": turn_detection}}}
