"""One connection to a session: what its client says comes in, what it is told goes out, until either ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from antiphon.engine.inputs import AudioFrame, Played
from antiphon.engine.outbox import Outbox
from antiphon.engine.ports import Disconnected, EventAllowance, Incoming, Transport
from antiphon.protocol import errors
from antiphon.protocol.client_events import InputAudioAppend
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.server_events import ServerEvent

TOO_SLOW = 1008
TRY_LATER = 1013
_SLOWEST_READ = 30.0  # seconds in which a client must take one event
_LAST_WORDS = 5.0  # seconds for what is left to say when the session closes
_SETTLE = 0.5  # seconds for `receive` to find out what `send` has met
_FAIR_SHARE = 64  # client events in a row before other sessions get their turn
_NO_EVENTS = (AudioFrame, Played)  # what a paced transport says by itself


class Connection:
    def __init__(
        self,
        transport: Transport,
        outbox: Outbox,
        *,
        take: Callable[["Connection", Incoming], None],
        room: Callable[[], Awaitable[None]],
        allowance: EventAllowance,
        most_behind: float = float("inf"),
    ) -> None:
        """`take` gets what the client says, each time after `room` has been waited for. Beyond the `allowance`,
        audio waits, and with it all that comes after: nothing more is read. Other events are refused.

        `most_behind`: with more bytes than that waiting to be sent, the connection is closed.
        """
        self.transport = transport
        self.left: Disconnected | None = None  # how the client did, if it was not we who closed
        self.farewell: tuple[int, str] | None = None  # with which we did
        self._outbox = outbox
        self._take = take
        self._room = room
        self._allowance = allowance
        self._held: Incoming | None = None  # what waits for the allowance
        self._most_behind = most_behind
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._stopped = False
        self._ended = asyncio.Event()

    def put(self, event: ServerEvent) -> None:
        self._outbox.put(event)
        if self._outbox.size > self._most_behind:
            self.farewell = self.farewell or (TRY_LATER, "too slow")
            self._stop()

    def take_back(self, recalled: Sequence[ServerEvent]) -> None:
        """Does not send these after all, where it still can."""
        self._outbox.remove(recalled)

    async def run(self) -> None:
        """Returns when the connection has ended and nothing of it is left."""
        try:
            if not self._stopped:
                async with asyncio.TaskGroup() as group:
                    reading = group.create_task(self._read(), name="read the client")
                    writing = group.create_task(self._write(reading), name="write to the client")
                    self._tasks = (reading, writing)
        finally:
            try:
                await self._close()
            finally:
                self._ended.set()  # whatever befell it: `finish` waits for this

    def end(self, code: int, reason: str) -> None:
        """Sends nothing more, from this moment on, and closes."""
        self.farewell = self.farewell or (code, reason)
        self._let_in()
        self._stop()

    async def finish(self, code: int, reason: str) -> None:
        """Lets what waits leave, if the client takes it soon, and closes. Returns when `run` has."""
        self.farewell = self.farewell or (code, reason)
        self._outbox.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._ended.wait()
        self._stop()
        await self._ended.wait()

    async def _read(self) -> None:
        in_a_row = 0
        try:
            while True:
                await self._room()
                event = await self.transport.receive()
                if isinstance(event, _NO_EVENTS) or self._allowance.take():
                    self._take(self, event)
                else:
                    await self._take_late(event)
                in_a_row += 1
                if in_a_row == _FAIR_SHARE:
                    in_a_row = 0
                    await asyncio.sleep(0)
        except Disconnected as left:
            self.left = left
        self._stop()

    async def _take_late(self, event: Incoming) -> None:
        """What may be beyond the allowance."""
        self._held = event
        if isinstance(event, InputAudioAppend):
            await self._allowance.wait()
        elif not await self._allowance.ask():
            limit = min((told.limit for told in self._allowance.told()), default=0)
            self._held = BadEvent(errors.too_many_events(limit), getattr(event, "event_id", None))
        self._let_in()

    def _let_in(self) -> None:
        """What was read is never lost, not even when the connection ends meanwhile."""
        held, self._held = self._held, None
        if held is not None:
            self._take(self, held)

    async def _write(self, reading: asyncio.Task[None]) -> None:
        try:
            await self._outbox.drain(self._send)
        except Disconnected:
            reading.cancel()
            await asyncio.wait([reading])
            self._let_in()
            await self._find_out_how_it_left()
        except TimeoutError:
            self.left = Disconnected()  # or so it seems: a network that broke silently looks like that
            self.farewell = (TOO_SLOW, "the client reads too slowly")
            self._let_in()
        self._stop()

    async def _send(self, event: ServerEvent) -> None:
        async with asyncio.timeout(_SLOWEST_READ):
            await self.transport.send(event)

    async def _find_out_how_it_left(self) -> None:
        """What it said before still counts."""
        try:
            async with asyncio.timeout(_SETTLE):
                while True:
                    self._take(self, await self.transport.receive())
        except Disconnected as left:
            self.left = left
        except TimeoutError:
            self.left = Disconnected()

    def _stop(self) -> None:
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    async def _close(self) -> None:
        code, reason = self.farewell or (1000, "")
        with suppress(Disconnected, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self.transport.close(code, reason)
