"""Speech to speech models behind OpenAI's Realtime protocol: OpenAI's own, Azure's deployments, xAI's.

Our session decides about turns and owns the conversation; the model hears, answers, and is told by item what it is
to know (docs: developers.openai.com/api/docs/guides/realtime).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext

from antiphon.providers.base.duplex import Meter
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.realtime import (
    RealtimeCapabilities,
    RealtimeEvent,
    RealtimeRequest,
    UpstreamUsage,
)
from antiphon.providers.openai_realtime.answer import Answer
from antiphon.providers.openai_realtime.connection import Connection
from antiphon.providers.openai_realtime.conversation import OutOfStep


class OpenAiRealtime:
    """`model` is the provider's name for it; for Azure, that of the deployment."""

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, capabilities: RealtimeCapabilities
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._wire = wire
        self._endpoint = endpoint
        self._model = model

    def open(self) -> "OpenAiUpstream":
        meter = Meter()

        def connect() -> Connection:
            return Connection(self._wire, self._endpoint, self._model, self.capabilities, meter)

        return OpenAiUpstream(self.name, connect, meter)


class OpenAiUpstream:
    """A connection that broke or is about to expire is replaced by the next request, whose answer waits for it; it
    is then told the conversation from the beginning."""

    def __init__(self, name: str, connect: Callable[[], Connection], meter: Meter) -> None:
        self.name = name
        self._meter = meter
        self._connect = connect
        self._connection: Connection | None = None
        self._old: list[Connection] = []  # yet to be closed
        self._turn = ""  # the item that is heard ...
        self._hearing: Connection | None = None  # ... over this connection, from its beginning
        self._answering = asyncio.Lock()

    def hear(self, item_id: str, pcm: bytes) -> None:
        if item_id != self._turn:
            if self._connection is None or self._connection.error is not None:
                self._renew()
            self._turn, self._hearing = item_id, self._connection
        if self._hearing is self._connection and self._connection is not None:
            self._connection.hear(item_id, pcm)

    def drop(self, item_id: str) -> None:
        if self._connection is not None:
            self._connection.drop(item_id)

    async def respond(self, request: RealtimeRequest) -> AsyncGenerator[RealtimeEvent, None]:
        async with nullcontext() if request.beside else self._answering:
            for is_last in (False, True):
                connection, answer, is_first = await self._ask(request)
                try:
                    async for event in answer.events():
                        yield event
                    return
                except ProviderError as error:
                    if error.kind == "timeout":
                        await connection.aclose()
                    if is_last or is_first or answer.started or connection.error is None:
                        raise
                finally:
                    connection.leave(answer)
                    await self._close_old()

    def take_usage(self) -> UpstreamUsage:
        return self._meter.take()

    async def aclose(self) -> None:
        if self._connection is not None:
            self._old.append(self._connection)
        await self._close_old()

    async def _ask(self, request: RealtimeRequest) -> tuple[Connection, Answer, bool]:
        """The connection, the answer begun over it, and whether that was the first thing asked of it."""
        while True:
            if self._connection is None or not self._connection.is_good:
                self._renew()
            connection = self._connection
            assert connection is not None
            is_first = connection.asked == 0
            try:
                return connection, await connection.ask(request), is_first
            except OutOfStep:
                self._renew()
            except ProviderError:
                if is_first:
                    raise

    def _renew(self) -> None:
        if self._connection is not None:
            self._old.append(self._connection)
        self._connection = self._connect()

    async def _close_old(self) -> None:
        while self._old:
            await self._old.pop().aclose()
