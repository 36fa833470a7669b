"""Whatever a client does and whenever it leaves, on every transport: the invariants hold and nothing is left."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engine.ports import Disconnected
from antiphon.protocol.codec import encode_server_event
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from antiphon.transports.memory import MemoryTransport
from antiphon.transports.websocket import WebSocketTransport, close_code
from tests.engine.replay import Replay
from tests.engine.session_harness import LOUD, Stage, decode
from tests.virtual_clock import VirtualClockLoop

FRAME = 960

frames: dict[str, dict[str, Any]] = {
    "text": {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    },
    "respond": {"type": "response.create"},
    "aside": {"type": "response.create", "response": {"conversation": "none"}},
    "written": {"type": "response.create", "response": {"output_modalities": ["text"]}},
    "cancel": {"type": "response.cancel"},
    "commit": {"type": "input_audio_buffer.commit"},
    "clear": {"type": "input_audio_buffer.clear"},
    "manual": {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}},
    "semantic": {
        "type": "session.update",
        "session": {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    },
    "transcribe": {"type": "session.update", "session": {"audio": {"input": {"transcription": {}}}}},
    "nonsense": {"type": "no.such.event"},
}

scripts = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(sorted(frames)), st.just(0)),
        st.tuples(st.just("speak"), st.integers(1, 60)),
        st.tuples(st.just("silence"), st.integers(1, 40)),
        st.tuples(st.just("wait"), st.integers(1, 3000)),
    ),
    min_size=3,
    max_size=25,
)


class Socket:
    """The server's end of a WebSocket, as an ASGI server offers it."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.frames: list[str] = []
        self.transport = WebSocketTransport(self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        return await self.to_app.get()

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.frames.append(message["text"])

    def put(self, frame: str) -> None:
        self.to_app.put_nowait({"type": "websocket.receive", "text": frame})

    def hang_up(self) -> None:
        self.to_app.put_nowait({"type": "websocket.disconnect", "code": 1006})


class Line:
    """The client's end of the in-memory transport."""

    def __init__(self, *, paced: bool) -> None:
        self.transport = MemoryTransport(paced=paced)

    @property
    def frames(self) -> list[str]:
        waiting = list(self.transport._to_client._queue)  # type: ignore[attr-defined]
        return [encode_server_event(event) for event in waiting if event is not None]

    def put(self, frame: str) -> None:
        self.transport.put(decode(frame))

    def hang_up(self) -> None:
        self.transport.hang_up()


async def act(client: Any, script: list[tuple[str, int]]) -> None:
    for step, amount in script:
        if step in ("speak", "silence"):
            pcm = LOUD[:FRAME] if step == "speak" else bytes(FRAME)
            frame = json.dumps(
                {"type": "input_audio_buffer.append", "audio": pybase64.b64encode_as_string(pcm)}
            )
            for _ in range(amount):
                client.put(frame)
                await asyncio.sleep(0.02)
        elif step == "wait":
            await asyncio.sleep(amount / 1000)
        else:
            client.put(json.dumps(frames[step]))


def moody_stage() -> Stage:
    """Models that take their time and sometimes fail."""
    return Stage(
        llm=ScriptedLlm(
            say("One two three. Four five six seven eight. " * 5, first=0.1, pace=0.05),
            [(0.2, ProviderError("overloaded", "Too much to do."))],
            say("Short."),
        ),
        stt=ScriptedStt(
            Heard("hi", delay=0.1), Heard(error=ProviderError("network", "gone")), Heard("", delay=0.3)
        ),
        tts=ScriptedTts(ms_per_character=40),
    )


def run(open_client: Callable[[], Socket | Line], script: list[tuple[str, int]]) -> None:
    async def scene() -> None:
        stage, client = moody_stage(), open_client()
        session = asyncio.ensure_future(stage.running(client.transport).run())
        await act(client, script)
        client.hang_up()
        await session
        replay = Replay()
        for frame in client.frames:
            replay.take(json.loads(frame))
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a closed session leaves no task"
        assert stage.vad.open_streams == 0, "no detector stream"
        assert all(call.state != "running" for call in [*stage.llm.calls, *stage.tts.calls]), (
            "no call upstream"
        )
        assert all(stream.state != "running" for stream in stage.stt.streams)
        timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        assert timers == [], "and no timer"

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(scene())


@given(scripts)
def test_over_a_websocket(script: list[tuple[str, int]]) -> None:
    run(Socket, script)


@given(scripts)
def test_on_a_phone_line(script: list[tuple[str, int]]) -> None:
    run(lambda: Line(paced=True), script)


@given(scripts)
def test_in_memory_unpaced(script: list[tuple[str, int]]) -> None:
    run(lambda: Line(paced=False), script)


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ({"code": 1000, "reason": ""}, False),
        ({"code": 1005, "reason": ""}, False),  # a browser's close() without a code
        ({"code": 4000, "reason": "bye"}, False),
        ({"code": 1012}, False),  # we end, not the client
        ({"code": 1001, "reason": ""}, True),
        ({"code": 1005}, True),  # uvicorn, for a socket that broke
        ({"code": 1006}, True),
        ({}, True),
    ],
)
def test_a_client_that_closes_is_told_from_one_that_was_cut_off(message: dict[str, Any], lost: bool) -> None:
    assert Disconnected(close_code(message)).lost is lost
