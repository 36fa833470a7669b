"""Random clients against whole sessions on the virtual clock: nothing breaks, and nothing is left."""

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from antiphon.engine.ports import Disconnected, Recalled
from antiphon.engine.session import RunningSession
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.dialects.named import new_dialect
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import ServerEvent
from tests.engine.session_harness import Stage
from tests.random_client.actor import Actor
from tests.random_client.behaviour import Step, endings, scripts
from tests.random_client.checks import check_no_fault_of_ours, check_order, check_story, no_error_is_logged
from tests.random_client.frames import Frame
from tests.random_client.known import Known
from tests.random_client.moods import Moods, moods
from tests.random_client.wire import Socket
from tests.virtual_clock import VirtualClockLoop

RESUME_SECONDS = 20.0
INTERNAL_ERROR = 1011
DialectName = Literal["ga", "beta", "inworld", "undeclared"]


class World(Actor):
    """A session, its client over all the sockets that it uses one after the other, and sidebands."""

    def __init__(self, stage: Stage, dialect: Callable[[], Dialect]) -> None:
        super().__init__(Known())
        self._dialect = dialect
        self.socket = Socket(dialect(), self.known.learn)
        self.story: list[str] = []  # frames of the sockets before this one
        self.sidebands: list[Socket] = []
        self.session: RunningSession = stage.running(self.socket.transport)
        self._tasks = [asyncio.ensure_future(self.session.run())]

    async def put(self, text: str | bytes) -> None:
        self.socket.put(text)
        await asyncio.sleep(0)

    async def stop_reading(self, _: None) -> None:
        self.socket.stop_reading()

    async def read_again(self, _: None) -> None:
        self.socket.read_again()

    async def break_off(self, step: tuple[int, int]) -> None:
        lost, away_ms = step
        self.socket.break_off()
        await asyncio.sleep(away_ms / 1000)
        self.reconnect(lost)

    async def come_back_unasked(self, lost: int) -> None:
        """While the connection before still lives."""
        self.reconnect(lost)
        await asyncio.sleep(0.01)

    async def storm(self, times: int) -> None:
        for number in range(times):
            if number % 2:
                self.socket.break_off()
            self.reconnect(0)
            await asyncio.sleep(0 if number % 3 else 0.01)

    async def attach(self, _: None) -> None:
        socket = Socket(GA, buffer=1000)
        self.sidebands.append(socket)
        self._spawn(socket, self.session.attach(socket.transport))
        await asyncio.sleep(0)

    async def sideband_sends(self, step: tuple[int, Frame]) -> None:
        if sideband := self._sideband(step[0]):
            sideband.put(self.known.text_of(step[1]))

    async def sideband_leaves(self, number: int) -> None:
        if sideband := self._sideband(number):
            sideband.break_off() if number % 2 else sideband.close()

    async def sideband_stops_reading(self, number: int) -> None:
        if sideband := self._sideband(number):
            sideband.stop_reading()

    async def leave(self, ending: str) -> None:
        if ending == "hang_up":
            self.session.end(1000, "hung up")
        elif ending == "break_off":
            self.socket.break_off()
        else:
            self.socket.close()
        await asyncio.gather(*self._tasks)

    def reconnect(self, lost: int) -> None:
        """What the socket before received last never arrived, if the socket broke."""
        received = self.socket.frames
        received = received[: max(1 - len(self.story), len(received) - lost)]
        self.story += received
        if not self.story:
            return  # without its token nobody comes back
        self.socket = Socket(self._dialect(), self.known.learn)
        resumed = self.session.resume(self.socket.transport, json.loads(self.story[-1])["event_id"])
        self._spawn(self.socket, resumed)

    @property
    def frames(self) -> list[str]:
        """All that the client received of the session, greetings to a new socket left out."""
        first, *rest = [*self.story, *self.socket.frames]
        return [first, *(frame for frame in rest if not frame.startswith('{"type":"session.created"'))]

    def _sideband(self, number: int) -> Socket | None:
        alive = [socket for socket in self.sidebands if socket.open]
        return alive[number % len(alive)] if alive else None

    def _spawn(self, socket: Socket, connection: Coroutine[Any, Any, None]) -> None:
        async def connect() -> None:
            try:
                await connection
            except Refused as refused:
                with suppress(Disconnected):
                    await socket.transport.close(4000, refused.body.code or "")

        self._tasks.append(asyncio.ensure_future(connect()))


def run(stage: Stage, dialect: Callable[[], Dialect], script: list[Step], ending: str) -> World:
    async def scene() -> World:
        world = World(stage, dialect)
        await asyncio.sleep(0.01)  # for the greeting, without whose token nobody comes back
        await world.act(script)
        await world.leave(ending)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a closed session leaves no task"
        timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        assert timers == [], "and no timer"
        return world

    with no_error_is_logged(), asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        world = runner.run(scene())
    assert stage.vad.open_streams == 0, "no detector stream"
    calls = [*stage.llm.calls, *stage.tts.calls, *stage.stt.streams]
    assert all(call.state != "running" for call in calls), "and no call upstream"
    return world


dialects: st.SearchStrategy[DialectName] = st.sampled_from(
    ["ga", "ga", "ga", "beta", "inworld", "undeclared"]
)


@given(moods, dialects, scripts, endings)
def test_it_works_whatever_a_client_does(
    moods: Moods, dialect: DialectName, script: list[Step], ending: str
) -> None:
    stage = moods.stage(RESUME_SECONDS)
    world = run(stage, lambda: GA if dialect == "ga" else new_dialect(dialect), script, ending)
    made = [event for event in stage.seen if isinstance(event, ServerEvent)]
    recalled = {
        event.event_id for taken in stage.seen if isinstance(taken, Recalled) for event in taken.events
    }
    events = [json.loads(frame) for frame in world.frames]
    check_no_fault_of_ours(events)
    if dialect == "ga":
        check_story(events, world.frames)
        check_order(events[1:], [event for event in made if event.event_id not in recalled])
    for sideband in world.sidebands:
        check_no_fault_of_ours(sideband.events)
        check_order(
            [event for event in sideband.events[1:] if event["type"] != "error"], made, maybe=recalled
        )
    for socket in (world.socket, *world.sidebands):
        assert socket.closed is None or socket.closed[0] != INTERNAL_ERROR
    left = weakref.ref(world.session)
    del world, stage
    gc.collect()
    assert left() is None, "nothing holds the session in memory"
