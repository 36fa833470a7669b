"""Sessions that their host winds up: a reason, a goodbye, and a connection that closes once that was heard."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.machine import Limits
from antiphon.engine.ports import Ending
from antiphon.engine.session import RunningSession
from antiphon.engine.winding_up import LONGEST_MS
from antiphon.protocol import errors
from antiphon.protocol.items import RemoteTool
from antiphon.protocol.server_events import OutputAudioDelta, ResponseDone
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import ToolCall
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.base.tools import ToolServer
from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.realtime import ScriptedRealtime, speak
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts, Speech
from antiphon.transports.memory import MemoryTransport
from tests.engine.machine_harness import WINDOW_BYTES, Machine, pcm
from tests.engine.session_harness import Client, Stage, attached
from tests.engine.test_functions import Functions, declare, outputs

GOODBYE = "Your balance is used up. Goodbye!"
USED_UP = errors.invalid_request("insufficient_quota", "Your balance is used up: top it up to go on.")
LONG = "One two three four five. " * 40
ENDED = (4000, "balance_used_up")


def wind_up(session: RunningSession, goodbye: str = GOODBYE, **given: Any) -> None:
    code, reason = ENDED
    session.wind_up(refused=USED_UP, goodbye=goodbye, code=code, reason=reason, **given)


async def closed(client: Client) -> float:
    """Waits for the end of the connection; the time then, in seconds."""
    async with asyncio.timeout(600):
        await client.closed.wait()
    return asyncio.get_running_loop().time()


def last(client: Client) -> Any:
    """What the assistant said last, if it said it to its end."""
    response = client.of("response.done")[-1]["response"]
    assert response["status"] == "completed"
    [item] = response["output"]
    [part] = item["content"]
    return part.get("transcript") or part["text"]


def audio_seconds(stage: Stage, response_id: str) -> float:
    deltas = [event for event in stage.seen if isinstance(event, OutputAudioDelta)]
    return sum(delta.samples for delta in deltas if delta.response_id == response_id) / 24_000


def refusals(client: Client) -> list[tuple[str, str | None]]:
    return [(event["error"]["code"], event["error"]["event_id"]) for event in client.of("error")]


async def test_it_works_the_client_hears_why_and_goodbye_and_then_the_connection_closes() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.say("hi")
        done = await client.wait_for("response.done")
        await asyncio.sleep(5)
        wind_up(client.session)
        end = await closed(client)
        assert refusals(client) == [("insufficient_quota", None)]
        assert client.of("error")[0]["error"]["message"] == USED_UP.body.message
        assert last(client) == GOODBYE
        goodbye = client.of("response.done")[-1]["response"]["id"]
        first = next(
            at
            for event, at in zip(client.events, client.arrived, strict=True)
            if event["type"] == "response.output_audio.delta" and event["response_id"] == goodbye
        )
        heard = first + audio_seconds(stage, goodbye)
        assert end == pytest.approx(heard + 0.5, abs=0.01), "it was heard to its end, some way away"
        assert client.transport.closed == ENDED
        assert done["response"]["status"] == "completed"
    assert stage.seen[-1] == Ending(*ENDED, by_client=False)
    assert len(stage.llm.calls) == 1, "no model is asked for the goodbye"


async def test_the_goodbye_is_an_item_of_the_conversation_and_its_speech_is_billed() -> None:
    stage = Stage()
    async with stage.session() as client:
        wind_up(client.session)
        await closed(client)
        items = [event["item"] for event in client.of("conversation.item.done")]
        assert [item["role"] for item in items] == ["assistant"]
    [spoken] = [event for event in stage.seen if isinstance(event, inputs.SpeechUsed)]
    assert spoken.usage.characters >= len(GOODBYE) - 1


async def test_an_answer_is_cut_short_and_what_it_left_to_play_is_waited_for_too() -> None:
    stage = Stage(llm=ScriptedLlm(say("One two three. " * 20, first=0.1, pace=0.05)))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta", 3)
        await asyncio.sleep(1)
        answer = client.of("response.created")[0]["response"]["id"]
        sent = audio_seconds(stage, answer)
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        end = await closed(client)
        cut = client.of("response.done")[0]["response"]
        assert (cut["id"], cut["status"]) == (answer, "cancelled")
        assert cut["status_details"] == {"type": "cancelled"}, "neither the user nor the client wanted it"
        assert client.kinds.index("error") < client.kinds.index("response.done")
        assert client.of("output_audio_buffer.cleared")[0]["response_id"] == answer
        goodbye = client.of("response.done")[1]["response"]["id"]
        unplayed = sent - (asked - client.at("response.output_audio.delta"))
        assert unplayed > 0.5
        assert end - asked >= unplayed + audio_seconds(stage, goodbye), "nobody has to drop what was cut off"


async def test_out_of_band_responses_end_too() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.5)))
    async with stage.session() as client:
        client.send("response.create", response={"conversation": "none", "output_modalities": ["text"]})
        client.send("response.create", response={"conversation": "none"})
        await client.wait_for("response.output_text.delta")
        wind_up(client.session)
        await closed(client)
        assert [done["response"]["status"] for done in client.of("response.done")] == [
            "cancelled",
            "cancelled",
            "completed",
        ]
    assert {call.state for call in stage.llm.calls} == {"cancelled"}


async def test_nothing_that_a_client_asks_is_begun_any_more() -> None:
    stage = Stage()
    async with stage.session() as client:
        wind_up(client.session)
        await client.wait_for("response.created")
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
        for kind, fields in [
            ("response.create", {}),
            ("response.create", {"response": {"conversation": "none"}}),
            ("conversation.item.create", {"item": item}),
            ("session.update", {"session": {"type": "realtime", "instructions": "Go on."}}),
            ("input_audio_buffer.commit", {}),
        ]:
            client.send(kind, event_id=kind, **fields)
        await closed(client)
        assert refusals(client)[1:] == [
            ("insufficient_quota", kind)
            for kind in (
                "response.create",
                "response.create",
                "conversation.item.create",
                "session.update",
                "input_audio_buffer.commit",
            )
        ]
        assert last(client) == GOODBYE
        assert len(client.of("response.created")) == 1
    assert stage.llm.calls == []
    assert not [event for event in stage.seen if isinstance(event, inputs.RecognitionUsed)]


async def test_the_user_is_not_listened_to_any_more() -> None:
    stage = Stage()
    async with stage.session() as client:
        await client.speak(0.5)
        await client.wait_for("input_audio_buffer.speech_started")
        wind_up(client.session)
        await client.turn(1.0)
        await closed(client)
        assert (
            client.of("input_audio_buffer.speech_stopped") == client.of("input_audio_buffer.committed") == []
        )
        assert len(client.of("input_audio_buffer.speech_started")) == 1
        assert refusals(client) == [("insufficient_quota", None)], "audio that streams in is no mistake"
        assert last(client) == GOODBYE


def test_a_turn_whose_end_is_found_out_too_late_is_not_taken() -> None:
    machine = Machine()
    machine.hear(*[0.9] * 20)
    for _ in range(7):
        machine.append(pcm(WINDOW_BYTES // 2))
    machine.give(inputs.WindUp(USED_UP.body, GOODBYE, *ENDED, patience_ms=10_000))
    machine.detect(*[0.0] * 7)
    assert machine.of("input_audio_buffer.speech_stopped") == []
    assert machine.all(fx.Transcribe) == []
    assert [effect.said for effect in machine.all(fx.Generate)] == [GOODBYE]


async def test_a_turn_that_waits_for_its_words_is_not_answered() -> None:
    stage = Stage(stt=ScriptedStt(Heard("hello", delay=1.0)))
    async with stage.session() as client:
        await client.turn()
        await client.wait_for("response.created")
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        await closed(client)
        assert [done["response"]["status"] for done in client.of("response.done")] == [
            "cancelled",
            "completed",
        ]
        assert last(client) == GOODBYE
        assert client.at("response.output_audio.delta") - asked < 0.1, "it does not wait for the words"
    assert stage.llm.calls == []


async def test_functions_are_stopped_and_their_results_not_told() -> None:
    functions = Functions(weather=(60.0, "sunny"))
    stage = Stage(llm=ScriptedLlm(call_tools(ToolCall("call_1", "weather", "{}"))), functions=functions)
    async with stage.session() as client:
        declare(client, "weather")
        client.say("weather?")
        await client.wait_for("response.done")
        await asyncio.sleep(0.5)
        assert functions.running == 1
        wind_up(client.session)
        await closed(client)
        assert functions.stopped == ["weather"]
        [(call_id, output)] = outputs(client)
        assert call_id == "call_1"
        assert "interrupted" in json.loads(output)["error"]
        assert last(client) == GOODBYE
    assert len(stage.llm.calls) == 1


@pytest.mark.parametrize("goodbye", [GOODBYE, ""])
async def test_results_that_waited_for_the_user_to_finish_are_not_told(goodbye: str) -> None:
    functions = Functions(weather=(1.0, "sunny"))
    stage = Stage(llm=ScriptedLlm(call_tools(ToolCall("call_1", "weather", "{}"))), functions=functions)
    async with stage.session() as client:
        declare(client, "weather")
        client.say("weather?")
        await client.wait_for("response.done")
        await client.speak(2.0)
        assert outputs(client) == [("call_1", "sunny")]
        wind_up(client.session, goodbye)
        await closed(client)
        assert len(client.of("response.created")) == (2 if goodbye else 1)
    assert len(stage.llm.calls) == 1


class SlowServers:
    """Each call of the one tool takes a minute."""

    def __init__(self) -> None:
        self.running = 0

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        return [RemoteTool(name="add", input_schema={})]

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        self.running += 1
        try:
            await asyncio.sleep(60)
        finally:
            self.running -= 1
        return "5"


@pytest.mark.parametrize("approval", ["never", "always"])
async def test_calls_of_remote_tools_are_stopped_within_responses_and_beside_them(approval: str) -> None:
    servers = SlowServers()
    stage = Stage(llm=ScriptedLlm(call_tools(ToolCall("call_1", "add", "{}"))), tool_servers=servers)
    async with stage.session() as client:
        tool = {"type": "mcp", "server_label": "s", "server_url": "https://s", "require_approval": approval}
        client.send("session.update", session={"type": "realtime", "tools": [tool]})
        await client.wait_for("mcp_list_tools.completed")
        client.say("add")
        if approval == "always":
            done = await client.wait_for("response.done")
            request = done["response"]["output"][0]["id"]
            yes = {"type": "mcp_approval_response", "approval_request_id": request, "approve": True}
            client.send("conversation.item.create", item=yes)
        await client.wait_for("response.mcp_call.in_progress")
        await asyncio.sleep(0.1)
        assert servers.running == 1
        wind_up(client.session)
        await closed(client)
        assert servers.running == 0
        failed = await client.wait_for("response.mcp_call.failed")
        ended = [event["item"] for event in client.of("conversation.item.done")]
        [call] = [item for item in ended if item["id"] == failed["item_id"]]
        assert "before the tool had returned" in call["error"]["message"]
        assert last(client) == GOODBYE


async def test_on_a_phone_line_it_closes_when_the_line_has_played_it() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)))
    async with stage.session(paced=True) as client:
        client.say("talk")
        await client.wait_for("output_audio_buffer.started")
        await asyncio.sleep(1)
        wind_up(client.session)
        await client.speak(0.5)
        end = await closed(client)
        assert client.of("conversation.item.truncated"), "what was playing stops"
        answer, goodbye = (done["response"]["id"] for done in client.of("response.done"))
        stopped = client.of("output_audio_buffer.stopped")
        assert [event["response_id"] for event in stopped] == [goodbye]
        assert end == pytest.approx(client.at("output_audio_buffer.stopped"), abs=0.01)
        assert client.of("output_audio_buffer.cleared")[0]["response_id"] == answer
        assert last(client) == GOODBYE


async def test_a_text_session_gets_it_as_text_and_closes_at_once() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        await client.wait_for("session.updated")
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        assert await closed(client) - asked < 0.1
        assert last(client) == GOODBYE
        assert client.of("response.output_text.delta")


@pytest.mark.parametrize("kind", ["no words", "transcription"])
async def test_without_anything_to_say_it_closes_at_once(kind: str) -> None:
    stage = Stage()
    async with stage.session() as client:
        await client.wait_for("session.created")
        if kind == "transcription":
            client.send("session.update", session={"type": "transcription"})
            await client.wait_for("session.updated")
        wind_up(client.session, GOODBYE if kind == "transcription" else " ")
        await closed(client)
        assert client.kinds[-1] == "error"
        assert client.of("response.created") == []
    assert stage.seen[-1] == Ending(*ENDED, by_client=False)


async def test_it_closes_at_once_when_the_goodbye_cannot_be_said() -> None:
    broken = ScriptedTts(Speech(breaks_after_ms=0, error=ProviderError("overloaded", "Too busy.")))
    stage = Stage(tts=broken)
    async with stage.session() as client:
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        assert await closed(client) - asked < 0.1
        assert client.of("response.done")[-1]["response"]["status"] == "failed"
        assert client.transport.closed == ENDED


async def test_it_closes_at_once_when_the_client_cancels_the_goodbye() -> None:
    async with Stage(tts=ScriptedTts(Speech(pace=1.0))).session() as client:
        wind_up(client.session)
        await client.wait_for("response.output_audio.delta")
        asked = asyncio.get_running_loop().time()
        client.send("response.cancel")
        assert await closed(client) - asked < 0.1
        assert client.of("response.done")[-1]["response"]["status_details"]["reason"] == "client_cancelled"


async def test_it_waits_no_longer_than_its_patience_for_the_goodbye_to_be_heard() -> None:
    stage = Stage()
    async with stage.session() as client:
        wind_up(client.session, LONG, patience_ms=2_000)
        end = await closed(client)
        assert end - client.at("response.done") == pytest.approx(2.0, abs=0.01)


async def test_a_goodbye_that_takes_long_to_say_is_cut_off() -> None:
    async with Stage(tts=ScriptedTts(Speech(pace=0.2))).session() as client:
        asked = asyncio.get_running_loop().time()
        wind_up(client.session, LONG)
        assert await closed(client) - asked == pytest.approx(LONGEST_MS / 1000, abs=0.01)
        assert 5 < client.at("response.done") - asked < LONGEST_MS / 1000


@pytest.mark.parametrize("paced", [False, True])
async def test_whatever_happens_it_is_over_after_15_seconds(paced: bool) -> None:
    """A voice that stops in the midst of the goodbye, and a session that would soon have expired."""
    stage = Stage(tts=ScriptedTts(Speech(breaks_after_ms=500)), limits=Limits(duration_ms=5_000))
    async with stage.session(paced=paced) as client:
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        assert await closed(client) - asked == pytest.approx(LONGEST_MS / 1000, abs=0.01)
        assert refusals(client) == [("insufficient_quota", None)]
        assert client.transport.closed == ENDED


async def test_only_the_first_time_counts() -> None:
    stage = Stage()
    async with stage.session() as client:
        wind_up(client.session)
        client.session.wind_up(refused=USED_UP, goodbye="Something else.", code=1000, reason="other")
        await client.wait_for("response.output_audio.delta")
        wind_up(client.session)
        await closed(client)
        wind_up(client.session)
        assert len(client.of("error")) == len(client.of("response.created")) == 1
        assert (last(client), client.transport.closed) == (GOODBYE, ENDED)


async def test_a_session_that_has_ended_stays_as_it_ended() -> None:
    stage = Stage()
    async with stage.session() as client:
        await client.wait_for("session.created")
        client.session.end(1000, "hung up")
        wind_up(client.session)
        await closed(client)
        assert client.kinds == ["session.created"]
    assert stage.seen[-1] == Ending(1000, "hung up", by_client=False)


async def test_an_end_without_a_goodbye_still_ends_it_at_once() -> None:
    async with Stage().session() as client:
        wind_up(client.session)
        await client.wait_for("response.output_audio.delta")
        asked = asyncio.get_running_loop().time()
        client.session.end(1012, "the server restarts")
        assert await closed(client) - asked < 0.1


@pytest.mark.parametrize("lost", ["before", "during"])
async def test_nobody_waits_for_a_client_that_lost_its_connection(lost: str) -> None:
    stage = Stage(resume_seconds=30)
    ended: list[float] = []
    stage.observers.append(lambda event, now: ended.append(now) if isinstance(event, Ending) else None)
    async with stage.session() as client:
        await client.wait_for("session.created")
        if lost == "during":
            wind_up(client.session)
            await client.wait_for("response.output_audio.delta")
        client.transport.drop()
        await asyncio.sleep(0.5 if lost == "before" else 0)
        asked = asyncio.get_running_loop().time()
        if lost == "before":
            wind_up(client.session)
        await asyncio.sleep(0.1)
        assert [at / 1000 - asked < 0.1 for at in ended] == [True]
    assert stage.seen[-1] == Ending(*ENDED, by_client=False)


async def test_everybody_who_is_attached_is_told() -> None:
    async with Stage().session() as client:
        await client.wait_for("session.created")
        async with attached(client.session) as other:
            wind_up(client.session)
            await closed(client)
            assert refusals(other) == [("insufficient_quota", None)]
            assert last(other) == GOODBYE


async def test_a_session_is_wound_up_before_it_has_begun() -> None:
    stage = Stage()
    transport = MemoryTransport(paced=False)
    client = Client(transport)
    session = stage.running(transport)
    wind_up(session)
    async with asyncio.TaskGroup() as group:
        group.create_task(client.listen())
        group.create_task(session.run())
    assert client.kinds[:2] == ["session.created", "error"]
    assert last(client) == GOODBYE


async def test_an_observer_may_ask_for_it_in_the_midst_of_an_answer() -> None:
    """As who counts the cost does: nothing of the answer comes after its end."""
    stage = Stage()

    def spends(event: object, now: float) -> None:
        if isinstance(event, OutputAudioDelta):
            wind_up(client.session)

    stage.observers.append(spends)
    async with stage.session() as client:
        client.say("hi")
        await closed(client)
        assert [done["response"]["status"] for done in client.of("response.done")] == [
            "cancelled",
            "completed",
        ]
        cut = client.of("response.done")[0]
        after = client.events[client.events.index(cut) + 1 :]
        assert not [event for event in after if event.get("response_id") == cut["response"]["id"]]


async def test_a_model_that_speaks_itself_is_cut_short_and_told_to_say_goodbye() -> None:
    model = ScriptedRealtime(speak(LONG), speak(GOODBYE), capabilities=RealtimeCapabilities())
    stage = Stage(model=model.name, native=[model])
    async with stage.session() as client:
        declare(client, "weather")
        limits = {"tool_choice": "required", "max_output_tokens": 5}
        client.send("session.update", session={"type": "realtime", **limits})
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        wind_up(client.session)
        await closed(client)
        assert last(client) == GOODBYE
    answer, goodbye = model.calls
    assert answer.state == "cancelled"
    assert GOODBYE in goodbye.request.prompt.instructions
    assert answer.request.prompt.tools
    prompt = goodbye.request.prompt
    assert (prompt.tools, prompt.tool_choice.mode, prompt.max_output_tokens) == ([], "auto", None), (
        "it is to speak"
    )
    assert stage.tts.calls == []
    assert [event for event in stage.seen if isinstance(event, ResponseDone)]


async def test_a_model_that_cannot_be_told_to_says_none() -> None:
    model = ScriptedRealtime(speak("Hi."), capabilities=RealtimeCapabilities(per_response=False))
    async with Stage(model=model.name, native=[model]).session() as client:
        await client.wait_for("session.created")
        asked = asyncio.get_running_loop().time()
        wind_up(client.session)
        assert await closed(client) - asked < 0.1
        assert client.transport.closed == ENDED
        assert model.calls == []
