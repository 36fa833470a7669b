"""Random clients against whole sessions on the virtual clock: nothing breaks, and nothing is left."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from hypothesis import given

from antiphon.engine.ports import Disconnected
from antiphon.engine.session import RunningSession
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import ServerEvent
from tests.engine.session_harness import Stage
from tests.random_client.behaviour import Step, endings, scripts
from tests.random_client.checks import check_no_fault_of_ours, check_order, check_story, no_error_is_logged
from tests.random_client.frames import Frame
from tests.random_client.known import Known
from tests.random_client.moods import Moods, moods
from tests.random_client.values import Ref
from tests.random_client.wire import Socket
from tests.virtual_clock import VirtualClockLoop

RESUME_SECONDS = 20.0
INTERNAL_ERROR = 1011


class World:
    """A session, its client over all the sockets that it uses one after the other, and sidebands."""

    def __init__(self, stage: Stage) -> None:
        self.known = Known()
        self.socket = Socket(self.known.learn)
        self.story: list[str] = []  # frames of the sockets before this one
        self.sidebands: list[Socket] = []
        self.session: RunningSession = stage.running(self.socket.transport)
        self._tasks = [asyncio.ensure_future(self.session.run())]

    async def act(self, script: list[Step]) -> None:
        await asyncio.sleep(0.01)
        for step, argument in script:
            await getattr(self, step)(argument)

    async def send(self, frames: list[Frame]) -> None:
        for frame in frames:
            self.put(self.socket, frame)
        await asyncio.sleep(0)

    async def say(self, text: str) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def set(self, session: dict[str, Any]) -> None:
        await self.send([{"type": "session.update", "session": session}])

    async def consult(self, tools: dict[str, Any]) -> None:
        await self.send([{"type": "response.cancel"}])
        await self.set(tools)
        await self.say("What is the weather like?")
        await asyncio.sleep(1)

    async def return_tool(self, _: None) -> None:
        item = {"type": "function_call_output", "call_id": Ref("call"), "output": "sunny"}
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def approve(self, approve: bool) -> None:
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": Ref("approval"),
            "approve": approve,
        }
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def speak(self, step: tuple[int, int]) -> None:
        """At real-time pace, in pieces of so many ms."""
        await self._stream(*step, loud=True)

    async def silence(self, ms: int) -> None:
        await self._stream(ms, 20, loud=False)

    async def turn(self, ms: int) -> None:
        await self._stream(ms, 20, loud=True)
        await self._stream(600, 20, loud=False)

    async def wait(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)

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
        socket = Socket(buffer=1000)
        self.sidebands.append(socket)
        self._spawn(socket, self.session.attach(socket.transport))
        await asyncio.sleep(0)

    async def sideband_sends(self, step: tuple[int, Frame]) -> None:
        if sideband := self._sideband(step[0]):
            self.put(sideband, step[1])

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

    def put(self, socket: Socket, frame: Frame) -> None:
        socket.put(frame if isinstance(frame, bytes) else self.known.text_of(frame))

    def reconnect(self, lost: int) -> None:
        """What the socket before received last never arrived, if the socket broke."""
        received = self.socket.frames
        received = received[: max(1 - len(self.story), len(received) - lost)]
        self.story += received
        if not self.story:
            return  # without its token nobody comes back
        self.socket = Socket(self.known.learn)
        resumed = self.session.resume(self.socket.transport, json.loads(self.story[-1])["event_id"])
        self._spawn(self.socket, resumed)

    @property
    def frames(self) -> list[str]:
        """All that the client received of the session, greetings to a new socket left out."""
        first, *rest = [*self.story, *self.socket.frames]
        return [first, *(frame for frame in rest if not frame.startswith('{"type":"session.created"'))]

    async def _stream(self, ms: int, piece_ms: int, *, loud: bool) -> None:
        pcm = self.known.pcm(ms, loud=loud)
        for start in range(0, len(pcm), piece_ms * 48):
            piece = pcm[start : start + piece_ms * 48]
            self.socket.put(self.known.append(piece))
            await asyncio.sleep(len(piece) / 48_000)

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


def run(stage: Stage, script: list[Step], ending: str) -> World:
    async def scene() -> World:
        world = World(stage)
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


@given(moods, scripts, endings)
def test_it_works_whatever_a_client_does(moods: Moods, script: list[Step], ending: str) -> None:
    stage = moods.stage(RESUME_SECONDS)
    world = run(stage, script, ending)
    sent = [(type(e).__struct_config__.tag, e.event_id) for e in stage.seen if isinstance(e, ServerEvent)]
    events = [json.loads(frame) for frame in world.frames]
    check_story(events, world.frames)
    check_order(events[1:], sent)
    for sideband in world.sidebands:
        check_no_fault_of_ours(sideband.events)
        check_order([event for event in sideband.events[1:] if event["type"] != "error"], sent)
    for socket in (world.socket, *world.sidebands):
        assert socket.closed is None or socket.closed[0] != INTERNAL_ERROR
