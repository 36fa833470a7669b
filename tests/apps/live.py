"""Sessions as clients see them: through the consumer in this process, with its database and its event log, or over
a socket to a platform that runs by itself."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from channels.db import database_sync_to_async

from antiphon.outbound.policy import OutboundPolicy
from antiphon.providers.base.http import Timeouts, Wire
from apps.conversations import runtime
from apps.conversations.consumers import RealtimeConsumer
from tests.platform_fixture import Platform

SECOND = base64.b64encode(bytes(48_000)).decode()  # of silence: PCM16 at 24 kHz


@dataclass
class LiveSession:
    """A client of a session. `events` are all that it was sent."""

    events: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)  # of the response to the handshake
    close_code: int | None = None
    _read: int = 0
    _incoming: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, kind: str, **fields: Any) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": kind, **fields})})

    def user_says(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def event(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these kinds, after those that were looked at before. AssertionError if the
        session ends without."""
        async with asyncio.timeout(30):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if event["type"] in kinds:
                        return event
                assert self.close_code is None, (
                    f"The session ended with {self.close_code}: {self.events[-1:]}"
                )
                self._changed.clear()
                await self._changed.wait()

    async def closed(self) -> None:
        async with asyncio.timeout(30):
            while self.close_code is None:
                self._changed.clear()
                await self._changed.wait()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "websocket.send":
            self.events.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.close_code = message["code"]
        self._changed.set()


@asynccontextmanager
async def live_session(key: str, model: str, **headers: str) -> AsyncIterator[LiveSession]:
    """`model` may be followed by the rest of a query."""
    client = LiveSession()
    client._incoming.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "path": "/v1/realtime",
        "headers": [
            (b"authorization", f"Bearer {key}".encode()),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
        "query_string": f"model={model}".encode(),
        "subprotocols": [],
    }
    async with asyncio.TaskGroup() as group:
        group.create_task(RealtimeConsumer()(scope, client._incoming.get, client._send))
        yield client
        client._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": ""})


@asynccontextmanager
async def remote_session(platform: Platform, model: str) -> AsyncIterator[LiveSession]:
    client = LiveSession()

    async def speak(socket: aiohttp.ClientWebSocketResponse) -> None:
        while (message := await client._incoming.get())["type"] == "websocket.receive":
            await socket.send_str(message["text"])
        await socket.close()

    async with (
        aiohttp.ClientSession(headers=platform.headers) as http,
        http.ws_connect(platform.socket(f"?model={model}"), max_msg_size=0) as socket,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(speak(socket))
        group.create_task(_listen(socket, client))
        yield client
        client._incoming.put_nowait({"type": "websocket.disconnect"})


async def _listen(socket: aiohttp.ClientWebSocketResponse, client: LiveSession) -> None:
    async for message in socket:
        await client._send({"type": "websocket.send", "text": message.data})
    await client._send({"type": "websocket.close", "code": socket.close_code})


@asynccontextmanager
async def live_platform(monkeypatch: pytest.MonkeyPatch, *allowed: str) -> AsyncIterator[None]:
    """What sessions of this process need: models, a wire that may reach the hosts `allowed`, an event log and a
    recorder, all of whose rows are written when the block is left."""
    loaded = await runtime.inference()
    wire = Wire(Timeouts(connect=5, first_byte=5, idle=5), OutboundPolicy.allowing(allowed))
    monkeypatch.setattr(runtime, "_loaded", replace(loaded, wire=wire))
    await runtime.writers_end()
    try:
        yield
    finally:
        await runtime.writers_end()
        await wire.aclose()


async def in_thread(work: Any, *args: Any, **kwargs: Any) -> Any:
    """For what uses the database."""
    return await database_sync_to_async(work, thread_sensitive=False)(*args, **kwargs)
