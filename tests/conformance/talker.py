"""The official `openai` client, holding a conversation; every frame it receives is held against its own types."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pybase64
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from antiphon.audio.pcm import read_audio
from tests.openai_types import check_server_event
from tests.platform_fixture import Platform

FRAME = 960  # bytes: 20 ms
PATIENCE = 60.0  # seconds to wait for any one event


class Talker:
    """`async with Talker(platform, model) as talker`."""

    audio_delta = "response.output_audio.delta"
    check = staticmethod(check_server_event)

    def __init__(self, platform: Platform, model: str) -> None:
        client = AsyncOpenAI(base_url=platform.base_url, api_key=platform.api_key)
        self._manager: Any = client.realtime.connect(model=model)
        self._connection: AsyncRealtimeConnection
        self._listening: asyncio.Task[None]
        self._news = asyncio.Event()
        self.events: list[Any] = []
        self.arrived: list[float] = []

    async def __aenter__(self) -> Self:
        self._connection = await self._manager.enter()
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()
        self._listening.cancel()
        await asyncio.wait([self._listening])
        if not self._listening.cancelled() and kind is None:
            self._listening.result()

    @property
    def send(self) -> AsyncRealtimeConnection:
        return self._connection

    async def _listen(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                frame = await self._connection.recv_bytes()
                self.check(frame.decode())
                self.events.append(self._connection.parse_event(frame))
                self.arrived.append(asyncio.get_running_loop().time())
                self._news.set()
        except ConnectionClosed:
            pass
        except AssertionError:
            self._news.set()
            raise

    async def wait_for(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                if self._listening.done():
                    self._listening.result()
                    raise AssertionError(
                        f"The connection ended before {kind}: {[e.type for e in self.events]}"
                    )
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    def at(self, event: Any) -> float:
        """When it arrived, in seconds."""
        return self.arrived[self.events.index(event)]

    async def say(self, text: str) -> None:
        await self.send.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        await self.send.response.create()

    async def play(self, file: Path, silence: float = 1.0) -> None:
        """Streams a recording as a microphone would, and then silence."""
        await self.stream(read_audio(file) + bytes(int(silence * 48_000)))

    async def stream(self, pcm: bytes) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for index, start in enumerate(range(0, len(pcm), FRAME)):
            await self.send.input_audio_buffer.append(
                audio=pybase64.b64encode_as_string(pcm[start : start + FRAME])
            )
            await asyncio.sleep(begin + (index + 1) * 0.02 - loop.time())

    def audio(self) -> bytes:
        return b"".join(pybase64.b64decode(event.delta) for event in self.of(self.audio_delta))
