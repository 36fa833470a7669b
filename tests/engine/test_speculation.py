"""Answers begun before the turn is known to be over: sooner when it was, and no trace when it was not."""

from typing import Any

from antiphon.engine import inputs
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import ToolCall
from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import Client, Stage

PATIENT = {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}  # waits for about a second
TOOL = {"type": "function", "name": "order", "description": "Orders.", "parameters": {"type": "object"}}


def configure(client: Client, *, speculate: bool | None = None, **session: Any) -> None:
    ours = {"events": ["attempts", "decisions"], "speculate": speculate}
    client.send(
        "session.update",
        session={
            "type": "realtime",
            "audio": {"input": PATIENT},
            "providerData": {"antiphon": ours},
            **session,
        },
    )


async def wait_to_answer(stage: Stage, **settings: Any) -> float:
    """Seconds from the end of the turn to the first audio."""
    async with stage.session() as client:
        configure(client, **settings)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        await client.wait_for("response.done")
        stopped = client.at("input_audio_buffer.speech_stopped")
        return client.at("response.output_audio.delta") - stopped


async def pause_and_go_on(stage: Stage, client: Client) -> None:
    await client.speak(1.0)
    await client.speak(0.7, loud=False)
    assert len(stage.llm.calls) == 1, "the answer was begun in the pause"
    await client.speak(1.0)
    await client.speak(3.5, loud=False)
    await client.wait_for("response.done")


async def test_it_works_a_patient_turn_is_answered_at_once_when_it_is_over() -> None:
    assert await wait_to_answer(Stage()) < 0.05
    assert await wait_to_answer(Stage(), speculate=False) > 0.4, "transcript and first token came after it"


async def test_it_is_one_answer_of_one_attempt_and_the_client_may_know_that_it_was_begun_early() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        done = (await client.wait_for("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "Hello there. How are you today?"
        assert len(stage.llm.calls) == 1
        assert len(stage.stt.streams) == 1
        [attempt] = client.of("antiphon.attempt.ended")
        assert (attempt["response_id"], attempt["outcome"]) == (done["id"], "completed")
        [decision] = client.of("antiphon.latency.decided")
        assert (decision["response_id"], decision["decision"]) == (done["id"], "speculated")
        kinds = client.kinds
        assert kinds.index("input_audio_buffer.committed") < kinds.index("response.created")


async def test_when_the_user_goes_on_nobody_sees_what_was_begun() -> None:
    stage = Stage(stt=ScriptedStt(Heard("book a table", delay=0.1), Heard("book a table for two", delay=0.1)))
    async with stage.session() as client:
        configure(client)
        await pause_and_go_on(stage, client)
        assert len(client.of("response.created")) == 1
        assert [call.request.messages[-1].text for call in stage.llm.calls] == [
            "book a table",
            "book a table for two",
        ]
        assert stage.llm.calls[0].state == "cancelled"
        assert len(client.of("conversation.item.added")) == 2, "the turn and its answer"


async def test_what_was_used_in_vain_is_recorded() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await pause_and_go_on(stage, client)
    dropped, taken = [event for event in stage.seen if isinstance(event, inputs.Attempted)]
    assert (dropped.attempt.reason, dropped.attempt.outcome) == ("speculation", "superseded")
    assert dropped.attempt.usage is not None
    assert taken.attempt.outcome == "completed"
    assert len([event for event in stage.seen if isinstance(event, inputs.RecognitionUsed)]) == 2


async def test_a_tool_is_called_only_once_the_turn_is_over() -> None:
    stage = Stage(llm=ScriptedLlm(call_tools(ToolCall("call_1", "order", '{"what": "soup"}')), say("Done.")))
    async with stage.session() as client:
        configure(client, tools=[TOOL])
        await pause_and_go_on(stage, client)
        assert len(stage.llm.calls) == 2
        assert not client.of("response.function_call_arguments.done")


async def test_a_call_that_was_begun_early_is_made_when_the_turn_is_over() -> None:
    stage = Stage(llm=ScriptedLlm(call_tools(ToolCall("call_1", "order", '{"what": "soup"}'))))
    async with stage.session() as client:
        configure(client, tools=[TOOL])
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        called = await client.wait_for("response.function_call_arguments.done")
        assert called["arguments"] == '{"what": "soup"}'
        kinds = client.kinds
        assert kinds.index("response.function_call_arguments.done") > kinds.index(
            "input_audio_buffer.committed"
        )
        assert len(stage.llm.calls) == 1


async def test_other_words_than_guessed_get_an_answer_of_their_own() -> None:
    stage = Stage(stt=ScriptedStt(Heard("book a table for two", partial_every_ms=400)))
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        guessed, answered = stage.llm.calls
        assert (
            guessed.request.messages[-1].text != answered.request.messages[-1].text == "book a table for two"
        )
        attempts = [event.attempt.outcome for event in stage.seen if isinstance(event, inputs.Attempted)]
        assert attempts == ["superseded", "completed"]


async def test_settings_that_change_in_the_pause_get_an_answer_of_their_own() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(0.7, loud=False)
        client.send("session.update", session={"type": "realtime", "instructions": "Be polite."})
        await client.speak(2.0, loud=False)
        await client.wait_for("response.done")
        assert [call.request.instructions for call in stage.llm.calls][1:] == ["Be polite."]


async def test_a_failure_of_what_was_begun_early_is_no_failure_of_the_answer() -> None:
    stage = Stage(llm=ScriptedLlm([(0.1, ProviderError("overloaded", "Too busy."))], say("Hello.")))
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_long_answer_that_was_begun_early_is_held_back_and_then_whole() -> None:
    long = "One two three four five. " * 40
    stage = Stage(llm=ScriptedLlm(say(long)))
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        spoken = "".join(event["delta"] for event in client.of("response.output_audio_transcript.delta"))
        assert spoken.strip() == long.strip()


async def test_nothing_is_begun_early_when_the_client_answers_by_itself() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        gate = {"turn_detection": {**PATIENT["turn_detection"], "create_response": False}}
        client.send("session.update", session={"type": "realtime", "audio": {"input": gate}})
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        await client.wait_for("input_audio_buffer.committed")
        assert not stage.llm.calls


async def test_a_cleared_buffer_and_an_ended_session_leave_nothing_behind() -> None:
    stage = Stage(llm=ScriptedLlm(say("One two three. " * 50, first=0.2, pace=0.5)))
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(0.7, loud=False)
        client.send("input_audio_buffer.clear")
        await client.wait_for("input_audio_buffer.cleared")
        await client.speak(1.0)
        await client.speak(0.7, loud=False)
        assert len(stage.llm.calls) == 2
    assert [call.state for call in stage.llm.calls] == ["cancelled", "cancelled"]
    assert len([event for event in stage.seen if isinstance(event, inputs.Attempted)]) == 2
