"""A random client of the whole platform, over real sockets and in real time."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.platform_fixture import Platform
from tests.random_client.actor import Actor
from tests.random_client.behaviour import Step
from tests.random_client.frames import Frame
from tests.random_client.known import Known

PATIENCE = 60.0  # seconds for a connection to open
_BUFFER = 4  # frames that the client takes although it does not read


class Socket:
    """One connection, and every frame that was read from it."""

    def __init__(self, connection: ClientConnection, known: Known | None = None) -> None:
        self.connection = connection
        self.frames: list[str] = []
        self._known = known
        self._reading = asyncio.Event()
        self._reading.set()
        self._greeted = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames]

    @property
    def alive(self) -> bool:
        return not self._listening.done()

    @property
    def close_code(self) -> int | None:
        return self.connection.close_code

    async def greeting(self) -> None:
        """Returns when `session.created` is there, or will never be."""
        async with asyncio.timeout(PATIENCE):
            await self._greeted.wait()

    async def send(self, text: str | bytes, longest: float) -> None:
        """Gives up when the server does not take it for too long."""
        try:
            async with asyncio.timeout(longest):
                await self.connection.send(text)
        except (ConnectionClosed, TimeoutError, UnicodeEncodeError):
            pass

    def read(self, reading: bool) -> None:
        self._reading.set() if reading else self._reading.clear()

    async def break_off(self) -> None:
        self.connection.transport.abort()
        await self._end()

    async def close(self) -> None:
        self.read(True)
        await self.connection.close()
        await self._end()

    async def ended(self) -> None:
        """Once the server has closed it."""
        self.read(True)
        await asyncio.wait([self._listening])

    async def _end(self) -> None:
        self._listening.cancel()
        await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        try:
            while True:
                await self._reading.wait()
                frame = str(await self.connection.recv())
                self.frames.append(frame)
                if self._known is not None:
                    self._known.learn(json.loads(frame))
                self._greeted.set()
        except ConnectionClosed:
            pass
        finally:
            self._greeted.set()


class Phone(Actor):
    """A client that opens another session when it has lost one for good. `stories` has the frames of each session
    that are behind it; `sockets` are all that it ever had."""

    def __init__(self, platform: Platform, model: str, voice: bytes, longest: float) -> None:
        super().__init__(Known(voice), longest)
        self.stories: list[list[str]] = []
        self.sockets: list[Socket] = []
        self.frames_sent = 0
        self._platform = platform
        self._model = model
        self._voice = voice
        self._story: list[str] = []  # of this session, before this socket
        self._socket: Socket
        self._sidebands: list[Socket] = []

    async def live(self, script: list[Step], ending: str) -> None:
        await self._open()
        await self.act(script)
        if ending == "hang_up":
            await self._hang_up()
        elif ending == "break_off":
            await self._socket.break_off()
        else:
            await self._socket.close()
        self._end_story()
        for sideband in self._sidebands:
            await sideband.close()

    async def put(self, text: str | bytes) -> None:
        if not self._socket.alive:
            await self._open()
        self.frames_sent += 1
        await self._socket.send(text, self._longest)

    async def stop_reading(self, _: None) -> None:
        self._socket.read(False)

    async def read_again(self, _: None) -> None:
        self._socket.read(True)

    async def break_off(self, step: tuple[int, int]) -> None:
        lost, away_ms = step
        await self._socket.break_off()
        await self.wait(away_ms)
        await self._come_back(lost)

    async def come_back_unasked(self, lost: int) -> None:
        await self._come_back(lost)

    async def storm(self, times: int) -> None:
        for number in range(times):
            if number % 2:
                await self._socket.break_off()
            await self._come_back(0)

    async def attach(self, _: None) -> None:
        if session := self._session():
            self._sidebands.append(await self._connect(call_id=session["call_id"]))

    async def sideband_sends(self, step: tuple[int, Frame]) -> None:
        if sideband := self._sideband(step[0]):
            await sideband.send(self.known.text_of(step[1]), self._longest)

    async def sideband_leaves(self, number: int) -> None:
        if sideband := self._sideband(number):
            await (sideband.break_off() if number % 2 else sideband.close())

    async def sideband_stops_reading(self, number: int) -> None:
        if sideband := self._sideband(number):
            sideband.read(False)

    async def _open(self) -> None:
        """A session of its own."""
        self._end_story()
        self.known = Known(self._voice)
        self._socket = await self._connect(self.known, model=self._model)

    def _end_story(self) -> None:
        if self.sockets and (story := self._frames()):
            self.stories.append(story)
            self._story = []

    async def _come_back(self, lost: int) -> None:
        """With what was lost of it, should the socket have broken."""
        session = self._session()
        frames = self._frames()
        if session is None:
            await self._open()
            return
        kept = frames[: max(1, len(frames) - lost)]
        before = self._socket
        last_event_id = json.loads(kept[-1])["event_id"]
        query = {"resume": session["resume_token"], "last_event_id": last_event_id}
        self._socket = await self._connect(self.known, **query)
        self._story = kept
        await before.break_off()
        if not self._session_of(self._socket.frames):  # refused
            self._socket.frames.clear()
            await self._open()

    def _frames(self) -> list[str]:
        return self._story + self._socket.frames

    def _session(self) -> dict[str, Any] | None:
        return self._session_of(self._frames())

    def _session_of(self, frames: list[str]) -> dict[str, Any] | None:
        first = json.loads(frames[0]) if frames else {"type": ""}
        return first["session"] if first["type"] == "session.created" else None

    def _sideband(self, number: int) -> Socket | None:
        alive = [socket for socket in self._sidebands if socket.alive]
        return alive[number % len(alive)] if alive else None

    async def _hang_up(self) -> None:
        session = self._session()
        if session is None:
            return
        url = f"{self._platform.base_url}/realtime/calls/{session['call_id']}/hangup"
        async with aiohttp.ClientSession(headers=self._platform.headers) as http, http.post(url) as answer:
            assert answer.status in (200, 404), await answer.text()
        async with asyncio.timeout(PATIENCE):
            await self._socket.ended()

    async def _connect(self, known: Known | None = None, **query: str) -> Socket:
        url = self._platform.socket(f"?{urlencode(query)}")
        connection = await connect(
            url,
            additional_headers=self._platform.headers,
            max_queue=_BUFFER,
            max_size=None,
            open_timeout=PATIENCE,
        )
        socket = Socket(connection, known)
        self.sockets.append(socket)
        await socket.greeting()
        return socket
