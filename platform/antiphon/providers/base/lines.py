"""Connections to voices, and what vendors say on them, whatever their messages look like.

A response is one context of the vendor. Where a vendor's messages name their context, the responses of all sessions
that have the same key share connections: the next one pays for no handshake, and cancelling one costs a message.
Elsewhere each response has a connection of its own.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from antiphon.providers.base.endpoint import Endpoint, Parameters
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.narration import Origin, Timing
from antiphon.providers.base.socket import VendorSocket

IDLE = 60.0  # seconds that a connection nobody speaks on is kept
KEEP_ALIVE = (
    20.0  # seconds without a message after which vendors that want it are told that we are still there
)
PLACE_KEPT = 30.0  # seconds for which a cancelled context counts, unless the vendor says that it is over
LEAVE_WITHIN = 1.0  # seconds for the last message on a connection that may be broken

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """When words are said."""

    words: tuple[Timing, ...]
    origin: Origin = "response"


@dataclass(frozen=True, slots=True)
class Characters:
    """When characters are said."""

    characters: tuple[Timing, ...]
    origin: Origin = "response"


@dataclass(frozen=True, slots=True)
class FlushDone:
    """All audio of what was flushed first has come."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All audio of the context has come."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor failed: an object with a code or a status, or its words."""

    error: Any


Said = bytes | Words | Characters | FlushDone | Finished | Refused
"""By a vendor; bytes are audio."""

Read = Callable[[str | bytes], tuple[str | None, Sequence[Said]]]
"""What a message says, and of which context; None: of all there are. Raises ValueError for nonsense."""


@dataclass(frozen=True, slots=True)
class Address:
    """A kind of connection. Responses share one if their addresses are equal, keys and all.

    `contexts` is how many it takes at a time; 1 means that messages don't name their context. `flush_ends`: the
    last flush being done is all that tells the end of a response.
    """

    endpoint: Endpoint
    path: str
    read: Read
    parameters: Parameters = field(default_factory=dict)
    contexts: int = 1
    keep_alive: Message | None = None
    flush_ends: bool = False


class Listener(Protocol):
    """A response, as its line knows it."""

    @property
    def address(self) -> Address: ...

    @property
    def context(self) -> str: ...

    def hear(self, said: Said) -> None: ...

    def fail(self, error: ProviderError) -> None:
        """The line has ended."""


class Line:
    """One connection and the responses on it. It connects by itself, and ends when it breaks, when the vendor
    closes it, or when nobody has spoken on it for a while."""

    def __init__(self, wire: Wire, address: Address) -> None:
        self.address = address
        self.ended = False
        self._wire = wire
        self._socket: VendorSocket | None = None
        self._connected = asyncio.Event()  # or it will never be
        self._error: ProviderError | None = None
        self._responses: dict[str, Listener] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}  # cancelled contexts that the vendor still counts
        self._idle: asyncio.TimerHandle | None = None
        self.task = asyncio.create_task(self._run(), name=f"voices of {address.endpoint.host}")
        self.task.add_done_callback(self._end)

    @property
    def has_room(self) -> bool:
        taken = len(self._responses) + len(self._leaving)
        return self.address.contexts > 1 and not self.ended and taken < self.address.contexts

    def join(self, response: Listener) -> None:
        self._responses[response.context] = response
        self._cancel_idle()

    async def send(self, messages: Iterable[Message]) -> None:
        """Waits for the connection. Raises ProviderError."""
        await self._connected.wait()
        if self._socket is None or self._error is not None:
            raise self._error or closed(self.address.endpoint)
        for message in messages:
            await self._socket.send(message)

    async def cancel(self, context: str, message: Message | None) -> None:
        """Nothing more of this response is wanted; does nothing if there is nothing of it any more."""
        if self._responses.pop(context, None) is None:
            return
        if message is not None and self._socket is not None:
            loop = asyncio.get_running_loop()
            self._leaving[context] = loop.call_later(PLACE_KEPT, self._leaving.pop, context, None)
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(LEAVE_WITHIN):
                    await self._socket.send(message)
        self._rest()

    def release(self, context: str) -> None:
        """The vendor is done with this context."""
        self._responses.pop(context, None)
        if timer := self._leaving.pop(context, None):
            timer.cancel()
        self._rest()

    def close(self) -> None:
        """Ends it; the task then closes the connection."""
        self.ended = True
        self.task.cancel()

    def _rest(self) -> None:
        if self._responses or self.ended:
            return
        if self.address.contexts == 1:
            self.close()
        else:
            self._cancel_idle()
            self._idle = asyncio.get_running_loop().call_later(IDLE, self.close)

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    async def _run(self) -> None:
        address = self.address
        try:
            self._socket = await self._wire.connect(address.endpoint, address.path, address.parameters)
            self._connected.set()
            while (data := await self._receive(self._socket)) is not None:
                self._hear(data)
        except ProviderError as error:
            self._error = error
        finally:
            self._end()
            if self._socket is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LEAVE_WITHIN):
                        await self._socket.aclose()

    def _end(self, _: object = None) -> None:
        """Once the connection can't be used, and again when the task is done, which may never have run."""
        self.ended = True
        self._connected.set()
        self._cancel_idle()
        for timer in self._leaving.values():
            timer.cancel()
        while self._responses:
            _, response = self._responses.popitem()
            response.fail(self._error or closed(self.address.endpoint))

    async def _receive(self, socket: VendorSocket) -> str | bytes | None:
        """None once the vendor has closed the connection. Raises ProviderError."""
        keep_alive = self.address.keep_alive
        while keep_alive is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_ALIVE):
                    return await anext(socket, None)
            await socket.send(keep_alive)
        return await anext(socket, None)

    def _hear(self, data: str | bytes) -> None:
        endpoint = self.address.endpoint
        try:
            context, said = self.address.read(data)
        except ValueError:
            message = f"{endpoint.host} sent something that can't be understood."
            raise ProviderError("upstream", message) from None
        if context is None:
            listeners = list(self._responses.values())
        elif context in self._responses:
            listeners = [self._responses[context]]
        else:  # too late, nobody listens; but its place may be free now
            listeners = []
            if any(isinstance(one, Finished | Refused) for one in said):
                self.release(context)
        for one in said:
            if isinstance(one, Refused) and context is None:
                raise error_from_event(endpoint, one.error, started=False)
            for response in listeners:
                response.hear(one)


class Switchboard:
    """The lines of one set of credentials; `Wire.shared` has it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lines: list[Line] = []

    def join(self, response: Listener) -> Line:
        line = next(
            (line for line in self._lines if line.has_room and line.address == response.address), None
        )
        if line is None:
            line = Line(self._wire, response.address)
            line.task.add_done_callback(partial(self._forget, line))
            self._lines.append(line)
        line.join(response)
        return line

    async def aclose(self) -> None:
        lines = list(self._lines)
        for line in lines:
            line.close()
        await asyncio.gather(*(line.task for line in lines), return_exceptions=True)

    def _forget(self, line: Line, _: asyncio.Task[None]) -> None:
        self._lines.remove(line)


def closed(endpoint: Endpoint) -> ProviderError:
    return ProviderError("network", f"{endpoint.host} closed the connection.")
