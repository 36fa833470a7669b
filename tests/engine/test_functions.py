"""Whole sessions whose functions the platform runs itself: scripted functions, models and users, virtual time."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from antiphon.engine import inputs
from antiphon.protocol.items import FunctionCall
from antiphon.providers.base.llm import LlmRequest, Stop, ToolCall
from antiphon.providers.base.tools import ToolFailure
from antiphon.providers.scripted.llm import ScriptedLlm, Step, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from tests.engine.session_harness import Client, Stage

Output = str | Exception


class Functions:
    """Each returns its output, or raises it, after so many seconds."""

    def __init__(self, **scripts: tuple[float, Output]) -> None:
        self._scripts: Mapping[str, tuple[float, Output]] = scripts
        self.names = scripts.keys()
        self.calls: list[FunctionCall] = []
        self.running = 0
        self.stopped: list[str] = []

    async def call(self, call: FunctionCall) -> str:
        self.calls.append(call)
        self.running += 1
        seconds, output = self._scripts[call.name]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.stopped.append(call.name)
            raise
        finally:
            self.running -= 1
        if isinstance(output, Exception):
            raise output
        return output


WEATHER = ToolCall("call_1", "weather", '{"town": "Ulm"}')
TIME = ToolCall("call_2", "time", "{}")
LIGHTS = ToolCall("call_3", "lights", "{}")


def reads_results(request: LlmRequest) -> Sequence[Step]:
    """Says what the functions have returned so far."""
    return say(
        " and ".join(m.text for m in request.messages if m.role == "tool") or "Nothing yet.", first=0.1
    )


def speaks_and_calls(*calls: ToolCall, text: str = "One moment. ") -> list[Step]:
    return [*say(text)[:-2], *call_tools(*calls)]


def declare(client: Client, *names: str) -> None:
    tools = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in names]
    client.send("session.update", session={"type": "realtime", "tools": tools})


def outputs(client: Client) -> list[tuple[str, str]]:
    """The outputs in the conversation: of which call, and what."""
    items = [event["item"] for event in client.of("conversation.item.done")]
    return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]


def said(done: Mapping[str, Any]) -> str:
    return "".join(
        part.get("transcript", "") for item in done["response"]["output"] for part in item.get("content", ())
    )


def endings(stage: Stage) -> list[inputs.FunctionEnded]:
    return [event for event in stage.seen if isinstance(event, inputs.FunctionEnded)]


class TestOneCall:
    async def test_it_works(self) -> None:
        functions = Functions(weather=(1.0, '"sunny"'))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            done = await client.wait_for("response.done", 2)
            assert said(done) == '"sunny"'
            assert outputs(client) == [("call_1", '"sunny"')]
            assert client.of("error") == []
        assert [call.arguments for call in functions.calls] == ['{"town": "Ulm"}']
        assert functions.calls[0].id.startswith("item_")

    async def test_its_client_sees_what_it_would_see_of_a_function_of_its_own(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=Functions(weather=(1.0, "sunny"))
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            first = await client.wait_for("response.done")
            assert [item["type"] for item in first["response"]["output"]] == ["function_call"]
            assert client.of("response.function_call_arguments.done")[0]["arguments"] == '{"town": "Ulm"}'
            await client.wait_for("response.done", 2)
            kinds = client.kinds
            output_done = client.events.index(client.of("conversation.item.done")[-2])
            assert kinds.index("response.done") < output_done
            assert output_done < kinds.index("response.created", kinds.index("response.done"))

    async def test_what_the_log_gets(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=Functions(weather=(1.5, "sunny"))
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done", 2)
        [started] = [event for event in stage.seen if isinstance(event, inputs.FunctionStarted)]
        [ended] = endings(stage)
        assert (started.item_id, started.call_id, started.name) == (ended.item_id, "call_1", "weather")
        assert (ended.outcome, ended.duration_ms, ended.error) == ("completed", 1500, None)

    async def test_a_response_that_must_call_does_not_call_for_ever(self) -> None:
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER)), functions=Functions(weather=(0.0, "sunny")))
        async with stage.session() as client:
            declare(client, "weather")
            client.send("session.update", session={"type": "realtime", "tool_choice": "required"})
            client.say("What is the weather?")
            await client.wait_for("response.done", 17)
        choices = [call.request.tool_choice.mode for call in stage.llm.calls]
        assert choices[:2] == ["required", "auto"]
        assert choices[16] == "none"

    async def test_it_is_not_run_when_it_was_not_offered(self) -> None:
        functions = Functions(weather=(0.0, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=functions)
        async with stage.session() as client:
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await asyncio.sleep(1)
        assert functions.calls == []

    async def test_an_answer_of_the_client_is_refused(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=Functions(weather=(1.0, "sunny"))
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            item = {"type": "function_call_output", "call_id": "call_1", "output": "no such function"}
            client.send("conversation.item.create", item=item)
            error = await client.wait_for("error")
            assert "run by the platform" in error["error"]["message"]
            await client.wait_for("response.done", 2)
            assert outputs(client) == [("call_1", "sunny")]


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("raised", "told"),
        [
            (
                ToolFailure("http_error", "It did not answer within 10 s.", 504),
                "It did not answer within 10 s.",
            ),
            (RuntimeError("a fault of ours"), "The function could not be run; the operator's log says why."),
        ],
    )
    async def test_the_model_is_told(self, raised: Exception, told: str) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), say("It did not work.")),
            functions=Functions(weather=(2.0, raised)),
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            done = await client.wait_for("response.done", 2)
            assert said(done) == "It did not work."
            [(_, output)] = outputs(client)
            assert json.loads(output) == {"error": told}
        [ended] = endings(stage)
        assert ended.outcome == "failed"
        assert ended.error is not None
        assert ended.error.message == told


class TestBesideEachOther:
    async def test_two_run_at_the_same_time_and_one_response_tells_both(self) -> None:
        functions = Functions(weather=(2.0, "sunny"), time=(2.0, "noon"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER, TIME), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather", "time")
            client.say("Weather and time?")
            done = await client.wait_for("response.done", 2)
            assert said(done) == "sunny and noon"
            assert client.at("response.created", 1) - client.at("response.done") < 2.5
            await asyncio.sleep(5)
            assert len(client.of("response.created")) == 2

    async def test_a_response_that_is_asked_for_waits_for_the_clients_call_and_for_ours(self) -> None:
        functions = Functions(weather=(3.0, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER, LIGHTS), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather", "lights")
            client.say("Weather, and light please!")
            await client.wait_for("response.done")
            item = {"type": "function_call_output", "call_id": "call_3", "output": "on"}
            client.send("conversation.item.create", item=item)
            client.send("response.create")
            done = await client.wait_for("response.done", 2)
            assert said(done) == "on and sunny"
            await asyncio.sleep(5)
            assert len(client.of("response.created")) == 2

    async def test_nothing_follows_by_itself_while_the_clients_call_is_open(self) -> None:
        functions = Functions(weather=(0.5, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER, LIGHTS), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather", "lights")
            client.say("Weather, and light please!")
            await client.wait_for("response.done")
            await asyncio.sleep(5)
            assert len(client.of("response.created")) == 1
            item = {"type": "function_call_output", "call_id": "call_3", "output": "on"}
            client.send("conversation.item.create", item=item)
            client.send("response.create")
            done = await client.wait_for("response.done", 2)
            assert said(done) == "sunny and on"


class TestWhileTheUserSpeaks:
    async def test_audio_goes_on_while_it_runs(self) -> None:
        """What is said before the call plays for longer than the call takes, and nothing cuts it."""
        stage = Stage(
            llm=ScriptedLlm(
                speaks_and_calls(WEATHER, text="One moment, I am looking that up. "), reads_results
            ),
            tts=ScriptedTts(ms_per_character=100),
            functions=Functions(weather=(1.0, "sunny")),
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done", 2)
            assert client.of("conversation.item.truncated") == []
            statuses = [event["response"]["status"] for event in client.of("response.done")]
            assert statuses == ["completed", "completed"]

    async def test_a_result_that_arrives_while_the_user_speaks_waits_for_the_turn(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), reads_results),
            stt=ScriptedStt(Heard("in Ulm", delay=0.1)),
            functions=Functions(weather=(1.0, "sunny")),
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await client.turn(2.0)
            done = await client.wait_for("response.done", 2)
            assert said(done) == "sunny"
            assert outputs(client) == [("call_1", "sunny")]
            stopped = client.at("input_audio_buffer.speech_stopped")
            assert client.at("response.created", 1) >= stopped
            await asyncio.sleep(5)
            assert len(client.of("response.created")) == 2

    async def test_a_turn_without_words_does_not_swallow_the_result(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), reads_results),
            stt=ScriptedStt(Heard("", delay=0.1)),
            functions=Functions(weather=(1.0, "sunny")),
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await client.turn(2.0)
            await client.wait_for("response.done", 3)
            assert [said(done) for done in client.of("response.done")] == ["", "", "sunny"]

    async def test_the_user_is_answered_meanwhile_and_told_the_result_after_it(self) -> None:
        stage = Stage(
            llm=ScriptedLlm(call_tools(WEATHER), say("Still looking."), reads_results),
            stt=ScriptedStt(Heard("are you there?", delay=0.1)),
            functions=Functions(weather=(8.0, "sunny")),
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await client.turn()
            await client.wait_for("response.done", 3)
            assert [said(done) for done in client.of("response.done")] == ["", "Still looking.", "sunny"]

    async def test_barging_in_on_what_is_said_with_the_call_stops_it(self) -> None:
        functions = Functions(weather=(30.0, "sunny"))
        stage = Stage(
            llm=ScriptedLlm(
                speaks_and_calls(WEATHER, text="One moment, I will look. " * 8), say("All right.")
            ),
            stt=ScriptedStt(Heard("never mind", delay=0.1)),
            tts=ScriptedTts(ms_per_character=100),
            functions=functions,
        )
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await client.turn()
            done = await client.wait_for("response.done", 2)
            assert said(done) == "All right."
            [(_, output)] = outputs(client)
            assert "interrupted" in json.loads(output)["error"]
            await asyncio.sleep(60)
            assert len(client.of("response.created")) == 2
        assert functions.stopped == ["weather"]
        assert [ended.outcome for ended in endings(stage)] == ["cancelled"]


class TestStopping:
    async def test_cancelling_stops_it(self) -> None:
        functions = Functions(weather=(30.0, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await asyncio.sleep(1)
            client.send("response.cancel")
            await asyncio.sleep(60)
            assert functions.stopped == ["weather"]
            assert len(client.of("response.created")) == 1
            assert len(outputs(client)) == 1
            assert client.of("error") == []

    async def test_a_response_that_waits_for_a_call_goes_on_when_that_is_stopped(self) -> None:
        functions = Functions(weather=(30.0, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER), reads_results), functions=functions)
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            first = await client.wait_for("response.done")
            client.send("response.create")
            await client.wait_for("response.created", 2)
            client.send("response.cancel", response_id=first["response"]["id"])
            done = await client.wait_for("response.done", 2)
            assert "interrupted" in said(done)

    async def test_a_session_that_ends_leaves_no_call_behind(self) -> None:
        functions = Functions(weather=(30.0, "sunny"))
        stage = Stage(llm=ScriptedLlm(call_tools(WEATHER)), functions=functions)
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            await client.wait_for("response.done")
            await asyncio.sleep(1)
            assert functions.running == 1
        assert functions.running == 0
        assert [(ended.outcome, ended.duration_ms) for ended in endings(stage)] == [("cancelled", 1000)]

    async def test_a_call_that_is_cut_off_never_runs(self) -> None:
        functions = Functions(weather=(0.0, "sunny"))
        half = call_tools(WEATHER)[:2]
        stage = Stage(llm=ScriptedLlm([*half, (0.0, Stop("length"))]), functions=functions)
        async with stage.session() as client:
            declare(client, "weather")
            client.say("What is the weather?")
            done = await client.wait_for("response.done")
            assert done["response"]["status"] == "incomplete"
            await asyncio.sleep(60)
        assert functions.calls == []
