"""A vendor's socket that is read and written at the same time, by a task of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.realtime import UpstreamUsage
from antiphon.providers.base.socket import VendorSocket

log = logging.getLogger(__name__)

_FAREWELL = 0.5  # seconds that a server gets to close its side


class Meter:
    """Counts what the connections of one upstream use, also while they are open."""

    def __init__(self) -> None:
        self.text_messages = 0
        self._clock = asyncio.get_running_loop().time
        self._connections = 0
        self._since = self._clock()
        self._open = 0.0  # seconds, up to then

    def connected(self, connections: int) -> None:
        """So many more of them, or fewer."""
        now = self._clock()
        self._open += self._connections * (now - self._since)
        self._since = now
        self._connections += connections

    def take(self) -> UpstreamUsage:
        """Since this was last asked."""
        self.connected(0)
        used = UpstreamUsage(round(self._open * 1000), self.text_messages)
        self._open -= used.open_ms / 1000
        self.text_messages = 0
        return used


class Duplex:
    """Connects at once; what is sent before that waits for it. Messages are JSON objects.

    `take` is called with each message that arrives, `broke` once, when the connection could not be made, broke, was
    closed by the server, or `take` raised a ProviderError; nothing arrives after it. Neither is called after
    `aclose`, which is due in any case.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[VendorSocket]],
        take: Callable[[dict[str, Any]], None],
        broke: Callable[[ProviderError], None],
        meter: Meter,
    ) -> None:
        self._connect = connect
        self._take = take
        self._broke = broke
        self._meter = meter
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name="speech to speech")

    def send(self, message: dict[str, Any]) -> None:
        """Never blocks, and does nothing once the connection is broken."""
        self._outgoing.put_nowait(message)

    async def aclose(self) -> None:
        """Drops what was not sent yet. May be called twice."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            socket = await self._connect()
        except ProviderError as error:
            self._broke(error)
            return
        self._meter.connected(1)
        writing = asyncio.create_task(self._write(socket), name="speech to speech, writing")
        try:
            await self._read(socket)
        except ProviderError as error:
            self._broke(error)
        except Exception:
            log.exception("A speech to speech connection failed.")
            self._broke(ProviderError("upstream", "The connection failed; the operator's log says why."))
        finally:
            self._meter.connected(-1)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await socket.aclose()

    async def _write(self, socket: VendorSocket) -> None:
        """Until the connection breaks, which reading notices too."""
        with suppress(ProviderError):
            while True:
                await socket.send(await self._outgoing.get())

    async def _read(self, socket: VendorSocket) -> None:
        async for data in socket:
            try:
                message = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                message = None
            if not isinstance(message, dict):
                raise ProviderError(
                    "upstream", f"{socket.endpoint.host} sent something that is no JSON object."
                )
            self._take(message)
        raise ProviderError("network", f"{socket.endpoint.host} closed the connection.")
