"""Gemini's Live models (ai.google.dev/api/live).

A Live model forgets nothing, takes its settings once, and answers what the user does and nothing else. So each time
it is to forget something, or to be set up otherwise, it is told the conversation over a new connection.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

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
from antiphon.providers.gemini.live_connection import LiveConnection
from antiphon.providers.gemini.live_shapes import setup_of

Connect = Callable[[dict[str, Any], bool], LiveConnection]


class GeminiRealtime:
    """`endpoint` is that of the API's other models too: what follows its host is left out."""

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, capabilities: RealtimeCapabilities
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._wire = wire
        self._endpoint = replace(endpoint, base_url=endpoint.base_url.rstrip("/").removesuffix("/v1beta"))
        self._model = model

    def open(self) -> "GeminiUpstream":
        meter = Meter()

        def connect(setup: dict[str, Any], expects_history: bool) -> LiveConnection:
            return LiveConnection(self._wire, self._endpoint, setup, meter, expects_history=expects_history)

        def setup(request: RealtimeRequest) -> dict[str, Any]:
            return setup_of(self._model, request, self.capabilities)

        return GeminiUpstream(self.name, setup, connect, meter)


class GeminiUpstream:
    """While the model answers, and when it must be told the conversation again, it hears a turn only when that is
    over; the connection is then opened while the user still speaks."""

    def __init__(
        self,
        name: str,
        setup: Callable[[RealtimeRequest], dict[str, Any]],
        connect: Connect,
        meter: Meter,
    ) -> None:
        self.name = name
        self._meter = meter
        self._setup = setup
        self._connect = connect
        self._connection: LiveConnection | None = None
        self._old: list[LiveConnection] = []  # yet to be closed
        self._last_setup: dict[str, Any] | None = None
        self._turn = ""  # the item that the user is speaking ...
        self._hearing: LiveConnection | None = None  # ... and the connection that hears it, if one does
        self._spoilt = False  # the connection has heard what came to nothing
        self._answering = asyncio.Lock()

    def hear(self, item_id: str, pcm: bytes) -> None:
        connection = self._connection
        if item_id != self._turn:
            self.drop(self._turn)
            self._turn = item_id
            if connection is not None and self._usable and connection.used and not connection.is_busy:
                self._hearing = connection
        if self._hearing is not None:
            self._hearing.hear(item_id, pcm)
        elif (connection is None or connection.error) and self._last_setup and not self._answering.locked():
            self._renew(self._last_setup, expects_history=True)

    def drop(self, item_id: str) -> None:
        if item_id == self._turn:
            self._spoilt = self._spoilt or self._hearing is not None
            self._turn, self._hearing = "", None

    async def respond(self, request: RealtimeRequest) -> AsyncGenerator[RealtimeEvent, None]:
        if request.beside:
            message = f"{self.name} can't answer beside its conversation."
            raise ProviderError("unsupported", message)
        async with self._answering:
            for is_last in (False, True):
                connection, is_new = self._tell(request)
                answer = connection.answering(request)
                try:
                    async for event in answer.events():
                        yield event
                    return
                except ProviderError:
                    if is_last or is_new or answer.started or connection.error is None:
                        raise
                finally:
                    if not answer.over.is_set():  # a model can't be told to stop
                        await connection.aclose()
                    await self._close_old()

    def take_usage(self) -> UpstreamUsage:
        return self._meter.take()

    async def aclose(self) -> None:
        if self._connection is not None:
            self._old.append(self._connection)
        await self._close_old()

    @property
    def _usable(self) -> bool:
        connection = self._connection
        return (
            connection is not None
            and connection.error is None
            and not connection.leaving
            and not self._spoilt
        )

    def _tell(self, request: RealtimeRequest) -> tuple[LiveConnection, bool]:
        """Has the model know the conversation and answer it. Returns whether it is a new one."""
        setup = self._last_setup = self._setup(request)
        messages = request.prompt.messages
        self._hearing = None  # what it has heard is told now, or again
        connection = self._connection
        if connection is not None and self._usable and connection.setup == setup:
            if not connection.used:
                connection.begin(messages)
                return connection, True
            if connection.go_on(messages):
                return connection, False
        connection = self._renew(setup, expects_history=len(messages) > 1)
        connection.begin(messages)
        return connection, True

    def _renew(self, setup: dict[str, Any], *, expects_history: bool) -> LiveConnection:
        if self._connection is not None:
            self._old.append(self._connection)
        self._connection = self._connect(setup, expects_history)
        self._spoilt = False
        return self._connection

    async def _close_old(self) -> None:
        while self._old:
            await self._old.pop().aclose()
