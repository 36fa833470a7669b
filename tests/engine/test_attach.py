"""Attached connections: they see what the client sees and may control the session, and never get in its way."""

import asyncio

import pytest

from antiphon.engine.machine import Limits
from antiphon.engine.session import MOST_ATTACHED
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import ServerEvent
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.transports.memory import MemoryTransport
from tests.engine.session_harness import Stage, attached, decode

LONG = "One two three four five. Six seven eight nine ten. " * 20


async def test_it_works_it_gets_the_session_as_it_is_and_then_every_event() -> None:
    stage = Stage(resume_seconds=30)
    async with stage.session() as client:
        client.send("session.update", session={"instructions": "Be brief."})
        await client.wait_for("session.updated")
        async with attached(client.session) as sideband:
            [created] = sideband.events
            assert created["session"]["id"] == "sess_1"
            assert created["session"]["instructions"] == "Be brief."
            assert "resume_token" not in created["session"], "that is the client's own"
            assert created["event_id"] not in [event["event_id"] for event in client.events]
            before = len(client.events)
            await client.turn()
            await client.wait_for("response.done")
            await sideband.wait_for("response.done")
            assert sideband.events[1:] == client.events[before:]
            assert sideband.of("response.output_audio.delta")


async def test_it_controls_the_session() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.05)))
    async with stage.session() as client, attached(client.session) as sideband:
        sideband.send("session.update", session={"instructions": "Be brief."})
        sideband.say("Talk.")
        await client.wait_for("response.output_audio.delta")
        sideband.send("response.cancel")
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        assert stage.llm.calls[0].request.instructions == "Be brief."


async def test_an_error_goes_to_whom_it_answers() -> None:
    async with Stage().session() as client, attached(client.session) as one, attached(client.session) as two:
        one.send("response.cancel", event_id="mine")
        error = await one.wait_for("error")
        assert error["error"]["event_id"] == "mine"
        two.send("no.such.event")
        await two.wait_for("error")
        client.send("response.cancel")
        await client.wait_for("error")
        await asyncio.sleep(1)
        assert [len(each.of("error")) for each in (client, one, two)] == [1, 1, 1]


async def test_an_error_that_answers_nobody_goes_to_all() -> None:
    stage = Stage(limits=Limits(duration_ms=60_000))
    async with stage.session() as client, attached(client.session) as sideband:
        await sideband.wait_for("error")
        assert sideband.events[-1] == client.events[-1]
    assert sideband.transport.closed == (1000, "session ended")


@pytest.mark.parametrize("kind", ["append", "commit", "clear"])
async def test_it_sends_no_audio(kind: str) -> None:
    fields = {"audio": "AAAA"} if kind == "append" else {}
    async with Stage().session() as client, attached(client.session) as sideband:
        sideband.send(f"input_audio_buffer.{kind}", event_id="mine", **fields)
        error = (await sideband.wait_for("error"))["error"]
        assert (error["code"], error["event_id"]) == ("invalid_value", "mine")
        assert client.kinds == ["session.created"]


async def test_the_session_goes_on_when_it_leaves() -> None:
    async with Stage().session() as client:
        async with attached(client.session) as sideband:
            sideband.transport.drop()
        async with attached(client.session):
            pass
        client.say("hi")
        assert (await client.wait_for("response.done"))["response"]["status"] == "completed"


async def test_it_gets_all_that_was_said_before_the_session_ended() -> None:
    gate = Gate()
    async with Stage().session() as client, attached(client.session, gate) as sideband:
        gate.open.clear()
        client.say("hi")
        await client.wait_for("response.done")
        client.transport.hang_up()
        await asyncio.sleep(1)
        assert sideband.transport.closed is None
        gate.open.set()
        await sideband.wait_for("response.done")
    assert sideband.transport.closed == (1000, "session ended")


async def test_one_that_does_not_read_is_closed_and_nobody_waits_for_it() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.001)))
    gate = Gate()
    async with stage.session() as client, attached(client.session, gate):
        gate.open.clear()
        client.say("talk")
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        assert client.at("response.done") < 20
        assert sum(len(e["delta"]) for e in client.of("response.output_audio.delta")) > 1_500_000
        await asyncio.sleep(6)
        assert gate.closed == (1013, "too slow")


async def test_what_was_taken_back_from_the_client_is_taken_back_from_it_too() -> None:
    """And nothing else is: it sees exactly what the client does, be it slower."""
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)))
    ours, theirs = Gate(), Gate()
    async with stage.session(transport=ours) as client, attached(client.session, theirs) as sideband:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        theirs.open.clear()
        await client.wait_for("response.output_audio.delta", 3)
        ours.open.clear()
        await asyncio.sleep(2)
        client.send("response.cancel")
        await asyncio.sleep(1)
        ours.open.set()
        theirs.open.set()
        await client.wait_for("response.done")
        await sideband.wait_for("response.done")
        assert sideband.events[1:] == client.events[1:]
        sent = "".join(e["delta"] for e in client.of("response.output_audio_transcript.delta"))
        assert client.of("response.output_audio_transcript.done")[0]["transcript"] == sent
        assert len(sent) < len(LONG) / 2


async def test_only_so_many_can_be_attached() -> None:
    async with Stage().session() as client, asyncio.TaskGroup() as group:
        transports = [MemoryTransport(paced=False) for _ in range(MOST_ATTACHED)]
        for transport in transports:
            group.create_task(client.session.attach(transport))
        await asyncio.sleep(1)
        with pytest.raises(Refused) as refused:
            await client.session.attach(MemoryTransport(paced=False))
        assert refused.value.body.code == "too_many_sidebands"
        transports[0].hang_up()
        await asyncio.sleep(1)
        async with attached(client.session):
            pass
        client.transport.hang_up()


async def test_a_session_that_has_ended_is_not_shown() -> None:
    async with Stage().session() as client:
        await client.wait_for("session.created")
    with pytest.raises(Refused) as refused:
        await client.session.attach(MemoryTransport(paced=False))
    assert refused.value.body.code == "session_ended"


async def test_on_a_phone_line_it_hears_the_assistant_as_events() -> None:
    async with Stage().session(paced=True) as client, attached(client.session) as sideband:
        client.say("hi")
        await sideband.wait_for("response.done")
        assert sideband.of("response.output_audio.delta")
        assert not client.of("response.output_audio.delta")


async def test_hanging_up_ends_the_session_for_all() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.1)))
    async with stage.session() as client, attached(client.session) as sideband:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        client.session.end(1000, "hung up")
        await asyncio.sleep(1)
        assert client.transport.closed == (1000, "hung up")
        assert sideband.transport.closed == (1000, "session ended")
        assert stage.llm.calls[0].state == "cancelled"


class Gate(MemoryTransport):
    """A client that reads only while `open` is set."""

    def __init__(self) -> None:
        super().__init__(paced=False)
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, event: ServerEvent) -> None:
        await self.open.wait()
        await super().send(event)


async def test_one_that_asks_too_much_of_a_client_that_does_not_read_is_not_read_either() -> None:
    gate, theirs = Gate(), Answers()
    async with Stage().session(transport=gate) as client, asyncio.TaskGroup() as group:
        gate.open.clear()
        group.create_task(client.session.attach(theirs))
        for number in range(10_000):
            theirs.put(decode(f'{{"type":"session.update","session":{{"instructions":"{number}"}}}}'))
        await asyncio.sleep(5)
        assert 2_000 < theirs.count < 5_000
        theirs.hang_up()


class Answers(MemoryTransport):
    """A client that only counts what comes."""

    def __init__(self) -> None:
        super().__init__(paced=False)
        self.count = 0

    async def send(self, event: ServerEvent) -> None:
        self.count += 1
