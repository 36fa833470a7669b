"""A connection that breaks: the session waits, and the client goes on as if nothing had happened."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import encode_server_event
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import ServerEvent
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.transports.memory import MemoryTransport
from tests.engine.replay import Replay
from tests.engine.session_harness import Client, Stage, attached, decode, resumed
from tests.engine.test_transports import act, moody_stage, scripts
from tests.virtual_clock import VirtualClockLoop

LONG = "One two three four five. Six seven eight nine ten. " * 20


def last_event(client: Client, index: int = -1) -> str:
    event_id: str = client.events[index]["event_id"]
    return event_id


def token(client: Client) -> str | None:
    found: str | None = client.events[0]["session"].get("resume_token")
    return found


def sent(stage: Stage) -> list[str]:
    """Every event of the session in order, as observers saw it."""
    return [event.event_id for event in stage.seen if isinstance(event, ServerEvent)]


async def test_it_works_a_client_comes_back_in_mid_answer_and_misses_nothing() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.05), say("Again.")), resume_seconds=30)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta", 3)
        client.transport.drop()
        await asyncio.sleep(3)
        async with resumed(client.session, last_event(client)) as again:
            assert again.events[0]["session"] == client.events[0]["session"], (
                "its id and its token are the same"
            )
            await again.wait_for("response.done")
            again.say("and now?")
            await again.wait_for("response.done", 2)
            await asyncio.sleep(1)
            seen = [event["event_id"] for event in client.events + again.events[1:]]
            assert seen == sent(stage)
    remembered = [message.text for message in stage.llm.calls[1].request.messages]
    assert remembered == ["talk", LONG.strip(), "and now?"]


async def test_what_was_sent_but_never_arrived_is_sent_again_as_it_was() -> None:
    stage = Stage(resume_seconds=30)
    async with stage.session() as client:
        client.say("hi")
        await client.wait_for("response.done")
        client.transport.drop()
        async with resumed(client.session, last_event(client, 2)) as again:
            await again.wait_for("response.done")
            assert again.events[1:] == client.events[3:]


async def test_all_that_was_seen_may_be_nothing_but_the_greeting() -> None:
    async with Stage(resume_seconds=30).session() as client:
        await client.wait_for("session.created")
        client.transport.drop()
        async with resumed(client.session, last_event(client)) as again:
            again.transport.drop()
            async with resumed(client.session, last_event(again)) as third:
                third.say("hi")
                await third.wait_for("response.done")
                assert third.kinds.count("session.created") == 1


async def test_a_second_break_before_the_first_missing_event_arrived_loses_nothing() -> None:
    stage = Stage(resume_seconds=30)
    async with stage.session() as client:
        client.say("hi")
        await client.wait_for("response.done")
        client.transport.drop()
        async with resumed(client.session, last_event(client, 1)) as again:
            again.transport.drop()
            async with resumed(client.session, last_event(client, 1)) as third:
                await third.wait_for("response.done")
                assert third.events[1:] == client.events[2:]


async def test_the_old_connection_is_closed_when_it_still_seems_to_live() -> None:
    async with Stage(resume_seconds=30).session() as client:
        client.say("hi")
        await client.wait_for("response.created")
        async with resumed(client.session, last_event(client)) as again:
            await again.wait_for("response.done")
            assert client.transport.closed == (4001, "resumed elsewhere")
            assert "response.done" not in client.kinds


async def test_while_the_client_is_away_the_models_are_held_back() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG * 20, pace=0.0)), resume_seconds=30)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        client.transport.drop()
        await asyncio.sleep(20)
        synthesised = sum(len(call.request) for call in stage.tts.calls) * 50 * 48
        assert synthesised < 2_000_000


async def test_a_client_that_stays_away_ends_the_session() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.1)), resume_seconds=30)
    async with stage.session() as client, attached(client.session) as sideband:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        client.transport.drop()
        await asyncio.sleep(29.9)
        assert sideband.transport.closed is None
        await asyncio.sleep(0.2)
        assert sideband.transport.closed == (1000, "session ended")
        assert stage.llm.calls[0].state == "cancelled"
        with pytest.raises(Refused) as refused:
            await client.session.resume(MemoryTransport(paced=False), last_event(client))
        assert refused.value.body.code == "session_ended"


async def test_a_client_that_closes_ends_the_session_at_once() -> None:
    async with Stage(resume_seconds=30).session() as client, attached(client.session) as sideband:
        client.transport.hang_up()
        await asyncio.sleep(0.1)
        assert sideband.transport.closed == (1000, "session ended")


async def test_without_time_to_come_back_there_is_no_token_and_no_waiting() -> None:
    async with Stage(resume_seconds=0).session() as client, attached(client.session) as sideband:
        assert token(client) is None
        client.transport.drop()
        await asyncio.sleep(0.1)
        assert sideband.transport.closed == (1000, "session ended")


async def test_a_phone_line_is_not_waited_for() -> None:
    async with Stage(resume_seconds=30).session(paced=True) as client, attached(client.session) as sideband:
        assert token(client) is None
        client.transport.drop()
        await asyncio.sleep(0.1)
        assert sideband.transport.closed == (1000, "session ended")


async def test_a_process_that_drains_waits_for_nobody() -> None:
    stage = Stage(resume_seconds=30)
    async with stage.session() as lingering, stage.session() as alive:
        await lingering.wait_for("session.created")
        lingering.transport.drop()
        await asyncio.sleep(0.1)
        for client in (lingering, alive):
            client.session.stop_waiting()
        alive.say("hi")
        await alive.wait_for("response.done")
        alive.transport.drop()
        await asyncio.sleep(0.1)
        for client in (lingering, alive):
            with pytest.raises(Refused):
                await client.session.resume(MemoryTransport(paced=False), last_event(client))


async def test_only_the_client_gets_to_know_its_token_and_only_when_it_connects() -> None:
    async with Stage(resume_seconds=30).session() as client:
        client.send("session.update", session={})
        updated = await client.wait_for("session.updated")
        assert "resume_token" not in updated["session"]
        assert len(str(token(client))) >= 43, "32 random bytes"
        assert token(client) == client.session.resume_token


async def test_an_event_that_nobody_sent_is_refused_and_the_session_still_waits() -> None:
    async with Stage(resume_seconds=30).session() as client:
        await client.wait_for("session.created")
        client.transport.drop()
        for unknown in ("event_unknown", ""):
            with pytest.raises(Refused) as refused:
                await client.session.resume(MemoryTransport(paced=False), unknown)
            assert refused.value.body.code == "resume_not_possible"
        async with resumed(client.session, last_event(client)):
            pass


async def test_what_was_sent_too_long_ago_cannot_be_gone_back_to() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)), resume_seconds=30)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.done")
        deltas = client.of("response.output_audio.delta")
        client.transport.drop()
        await asyncio.sleep(0.1)
        with pytest.raises(Refused):
            await client.session.resume(MemoryTransport(paced=False), deltas[0]["event_id"])
        four_seconds_ago = deltas[-1 - 4 * len(deltas) // 51]  # the answer takes 51 s
        async with resumed(client.session, four_seconds_ago["event_id"]) as again:
            await again.wait_for("response.done")


async def test_a_network_that_swallows_everything_is_a_broken_connection() -> None:
    class Void(MemoryTransport):
        async def send(self, event: ServerEvent) -> None:
            if isinstance(event, ev.OutputAudioDelta):
                await asyncio.Event().wait()
            await super().send(event)

    async with Stage(resume_seconds=30).session(transport=Void(paced=False)) as client:
        client.say("hi")
        await asyncio.sleep(40)
        assert client.transport.closed == (1008, "the client reads too slowly")
        async with resumed(client.session, last_event(client)) as again:
            await again.wait_for("response.done")


async def test_a_session_ends_whatever_befell_its_last_connection() -> None:
    class Broken(MemoryTransport):
        async def close(self, code: int, reason: str) -> None:
            raise RuntimeError("This transport says in its own way that it is gone.")

    async with Stage(resume_seconds=30).session() as client:
        await client.wait_for("session.created")
        client.transport.drop()
        await asyncio.sleep(0.1)
        broken = Broken(paced=False)
        resuming = asyncio.create_task(client.session.resume(broken, last_event(client)))
        await asyncio.sleep(0.1)
        broken.drop()
        with pytest.raises(RuntimeError):
            await resuming
        await client.closed.wait()


async def test_what_is_interrupted_before_it_arrived_is_not_said_after_the_return() -> None:
    """What has not left has not been heard, and is taken back as in any interruption."""
    stage = Stage(llm=ScriptedLlm(say(LONG * 20, pace=0.0)), resume_seconds=30)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        client.transport.drop()
        await asyncio.sleep(2)
        async with attached(client.session) as sideband:
            sideband.send("response.cancel")
            await sideband.wait_for("response.done")
        async with resumed(client.session, last_event(client)) as again:
            await again.wait_for("response.done")
            events = client.events[1:] + again.events[1:]
            kinds = [event["type"] for event in again.events]
            assert kinds.count("response.output_audio.delta") <= 1, "the one that was under way"
            said = "".join(
                e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta"
            )
            done = next(e for e in events if e["type"] == "response.output_audio_transcript.done")
            assert done["transcript"] == said


class Line(MemoryTransport):
    """Both ends of a connection, for `act`."""

    def __init__(self) -> None:
        super().__init__(paced=False)

    @property
    def transport(self) -> MemoryTransport:
        return self

    def put(self, event: Any) -> None:
        super().put(decode(event) if isinstance(event, str) else event)

    async def received(self) -> list[dict[str, Any]]:
        """Everything that came, once it is closed."""
        return [json.loads(encode_server_event(event)) async for event in self.events()]


breaks = st.lists(st.tuples(scripts, st.integers(0, 20), st.integers(0, 5000)), min_size=1, max_size=4)


@given(breaks)
def test_whenever_it_breaks_and_whatever_gets_lost_the_client_sees_one_session(
    parts: list[tuple[list[tuple[str, int]], int, int]],
) -> None:
    """Each part: what the client does, how many events the break swallows, and how long it stays away in ms."""

    async def scene() -> None:
        stage = moody_stage()
        stage.resume_seconds = 30
        line = Line()
        session = stage.running(line)
        connections = [asyncio.ensure_future(session.run())]
        seen: list[dict[str, Any]] = []
        for script, lost, away in parts:
            await asyncio.sleep(0.01)  # for the greeting: without its token nobody comes back
            await act(line, script)
            line.drop()
            received = await line.received()
            seen += received[: max(1, len(received) - lost)]
            await asyncio.sleep(away / 1000)
            line = Line()
            connections.append(asyncio.ensure_future(session.resume(line, seen[-1]["event_id"])))
        await asyncio.sleep(5)
        line.hang_up()
        await asyncio.gather(*connections)
        seen += await line.received()
        replay = Replay()
        story = [seen[0], *(event for event in seen[1:] if event["type"] != "session.created")]
        for event in story:
            replay.take(event)
        assert story[-1]["event_id"] == sent(stage)[-1], "up to the last one"
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a closed session leaves no task"
        timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        assert timers == [], "and no timer"

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(scene())
