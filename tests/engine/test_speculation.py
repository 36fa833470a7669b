"""Answers begun before the turn is known to be over: sooner when it was, and no trace when it was not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from antiphon.engine import inputs
from antiphon.engine.inputs import AudioFrame
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import Decision, LlmEvent, LlmRequest, ToolCall
from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import LOUD, Client, Stage, resumed

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


async def pause(client: Client) -> None:
    """The user has probably finished: an answer is begun, and held back."""
    await client.speak(1.0)
    await client.speak(0.7, loud=False)


def attempts(stage: Stage) -> list[tuple[str, str]]:
    """Of each reported attempt its reason and how it ended."""
    found = [event.attempt for event in stage.seen if isinstance(event, inputs.Attempted)]
    return [(attempt.reason, attempt.outcome) for attempt in found]


async def test_a_client_that_commits_in_the_pause_gets_what_was_begun() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.send("input_audio_buffer.commit")
        client.send("response.create")
        done = (await client.wait_for("response.done"))["response"]
        assert done["status"] == "completed"
        assert attempts(stage) == [("first", "completed")]


async def test_a_client_that_commits_and_asks_for_nothing_keeps_nothing_alive() -> None:
    stage = Stage(llm=ScriptedLlm(say("One two three. " * 200, first=0.2, pace=0.5)))
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.send("input_audio_buffer.commit")
        await asyncio.sleep(20)
        assert stage.llm.calls[0].state == "cancelled"
        assert attempts(stage) == [("speculation", "superseded")]


async def test_a_commit_with_audio_that_nobody_has_judged_yet_gets_the_words_of_all_of_it() -> None:
    heard = ScriptedStt(Heard("book a table", delay=0.1), Heard("book a table for two", delay=0.1))
    stage = Stage(stt=heard)
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.transport.put(AudioFrame(LOUD))
        client.send("input_audio_buffer.commit")
        client.send("response.create")
        await client.wait_for("response.done")
        assert stage.llm.calls[-1].request.messages[-1].text == "book a table for two"
        assert attempts(stage) == [("speculation", "superseded"), ("first", "completed")]


async def test_a_response_that_is_cancelled_as_it_adopts_what_was_begun_ends_it() -> None:
    stage = Stage(llm=ScriptedLlm(say("One two three. " * 200, first=0.2, pace=0.5)))
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.send("input_audio_buffer.commit")
        client.send("response.create")
        client.send("response.cancel")
        done = (await client.wait_for("response.done"))["response"]
        await asyncio.sleep(0.1)
        assert done["status"] == "cancelled"
        assert stage.llm.calls[0].state == "cancelled"
        [attempt] = [event for event in stage.seen if isinstance(event, inputs.Attempted)]
        assert (attempt.response_id, attempt.attempt.outcome) == (done["id"], "cancelled")


async def test_a_response_that_is_cancelled_before_its_words_are_known_ends_what_was_begun() -> None:
    stage = Stage(
        stt=ScriptedStt(Heard("book a table", partial_every_ms=200, delay=5.0)),
        llm=ScriptedLlm(say("One two three. " * 200, first=0.2, pace=0.5)),
    )
    async with stage.session() as client:
        configure(client)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        await client.wait_for("response.created")
        assert stage.llm.calls[0].state == "running"
        client.send("response.cancel")
        await client.wait_for("response.done")
        await asyncio.sleep(0.1)
        assert stage.llm.calls[0].state == "cancelled"
        assert attempts(stage) == [("speculation", "superseded")]


@pytest.mark.parametrize(
    "change",
    [
        {"modelId": "scripted/other"},
        {"audio": {"output": {"voice": "marin"}}},
        {"audio": {"output": {"format": {"type": "audio/pcmu"}}}},
        {"output_modalities": ["text"]},
        {"tools": [TOOL]},
    ],
    ids=["model", "voice", "format", "modality", "tools"],
)
async def test_whatever_changes_the_answer_in_the_pause_gets_an_answer_of_its_own(change: Any) -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.send("session.update", session={"type": "realtime", **change})
        await client.speak(2.0, loud=False)
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        assert attempts(stage) == [("speculation", "superseded"), ("first", "completed")]


async def test_an_item_that_is_added_in_the_pause_gets_an_answer_of_its_own() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await pause(client)
        content = [{"type": "input_text", "text": "Be quick."}]
        client.send(
            "conversation.item.create", item={"type": "message", "role": "system", "content": content}
        )
        await client.speak(2.0, loud=False)
        await client.wait_for("response.done")
        assert attempts(stage) == [("speculation", "superseded"), ("first", "completed")]


async def test_turn_detection_that_is_turned_off_in_the_pause_drops_what_was_begun() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        await pause(client)
        client.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )
        await client.wait_for("session.updated", 2)
        await asyncio.sleep(0.1)
        assert stage.llm.calls[0].state == "cancelled"
        assert attempts(stage) == [("speculation", "superseded")]


async def test_what_is_begun_again_and_again_is_answered_once() -> None:
    stage = Stage()
    async with stage.session() as client:
        configure(client)
        for _ in range(3):
            await pause(client)
        await client.speak(2.5, loud=False)
        await client.wait_for("response.done")
        assert len(client.of("response.created")) == 1
        assert attempts(stage) == [("speculation", "superseded")] * 2 + [("first", "completed")]


async def test_a_failure_of_what_is_dropped_is_recorded_as_one() -> None:
    stage = Stage(llm=ScriptedLlm([(0.1, ProviderError("overloaded", "Too busy."))], say("Hello.")))
    async with stage.session() as client:
        configure(client)
        await pause(client)
        await client.speak(1.0)
        await client.speak(3.5, loud=False)
        await client.wait_for("response.done")
        assert attempts(stage) == [("speculation", "failed"), ("first", "completed")]


class DecidingLlm(ScriptedLlm):
    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        request.decided(Decision("hedged", "It is slow.", 100.0))
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event


async def test_no_decision_about_a_dropped_answer_is_told() -> None:
    stage = Stage(
        llm=DecidingLlm(say("Hello.")),
        stt=ScriptedStt(Heard("book a table", delay=0.1), Heard("book a table for two", delay=0.1)),
    )
    async with stage.session() as client:
        configure(client)
        await pause_and_go_on(stage, client)
        told = client.of("antiphon.latency.decided")
        assert [event["decision"] for event in told] == ["speculated", "hedged"]
        assert {event["response_id"] for event in told} == {
            client.of("response.created")[0]["response"]["id"]
        }


async def test_a_client_that_is_gone_in_the_pause_finds_its_session_as_it_was() -> None:
    stage = Stage(resume_seconds=30.0)
    async with stage.session() as client:
        configure(client)
        await pause(client)
        last = client.events[-1]["event_id"]
        client.transport.drop()
        await asyncio.sleep(20)
        assert attempts(stage) == [("speculation", "superseded")], (
            "nobody knew whether the client would come back"
        )
        async with resumed(client.session, last) as again:
            await again.speak(2.0, loud=False)
            done = await again.wait_for("response.done")
            assert done["response"]["status"] == "completed"
            assert attempts(stage)[-1] == ("first", "completed")
            assert len(again.of("response.created")) == 1


async def test_a_long_conversation_is_not_cut_by_an_answer_that_is_dropped() -> None:
    """What no longer fits beside the words of a turn is left out of its answer, not of the next one's."""
    stage = Stage()
    async with stage.session() as client:
        limits = {
            "type": "retention_ratio",
            "retention_ratio": 0.5,
            "token_limits": {"post_instructions": 60},
        }
        configure(client, truncation=limits)
        content = [{"type": "input_text", "text": "word " * 80}]
        client.send(
            "conversation.item.create",
            item={"id": "item_long", "type": "message", "role": "user", "content": content},
        )
        await pause(client)
        assert len(stage.llm.calls) == 1
        assert not client.session._machine._state.left_out
