"""Where the time of a turn goes, as the latency observer tells it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from antiphon.engine import inputs
from antiphon.engine.observers.latency import LatencyObserver, TurnLatency
from antiphon.providers.base.llm import Decision, Filler, LlmEvent, LlmRequest
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.realtime import ScriptedRealtime, speak
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import Client, Stage

PATIENT = {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}


class FillingLlm(ScriptedLlm):
    """Says at once that it is thinking."""

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        request.decided(Decision("filler", "Nothing was said.", 0.0))
        yield Filler("One moment. ")
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event


def configure(client: Client, **session: Any) -> None:
    client.send("session.update", session={"type": "realtime", **session})


async def measured(stage: Stage, **session: Any) -> TurnLatency:
    """Of one turn."""
    turns: list[TurnLatency] = []
    stage.observers.append(LatencyObserver(turns.append))
    async with stage.session() as client:
        configure(client, **session)
        await client.speak(1.0)
        await client.speak(2.5, loud=False)
        await client.wait_for("response.done")
    [turn] = turns
    return turn


def milliseconds(value: float) -> Any:
    return pytest.approx(value, abs=1)


async def test_it_works_each_stage_has_its_time() -> None:
    turn = await measured(Stage())
    assert turn.stages == {
        "transcript": milliseconds(100),
        "first token": milliseconds(300),
        "first audio": milliseconds(100),
    }
    assert turn.total == milliseconds(500)
    assert not turn.begun_early
    assert not turn.filler


async def test_an_answer_that_was_begun_early_takes_no_time_and_says_why() -> None:
    turn = await measured(Stage(), audio={"input": PATIENT})
    assert turn.begun_early
    assert turn.total is not None
    assert turn.total < 50
    assert all(0 <= stage < 50 for stage in turn.stages.values())


async def test_a_filler_is_the_first_audio_and_no_first_token() -> None:
    stage = Stage(llm=FillingLlm(say("Hello there.", first=3.0)))
    turn = await measured(stage)
    assert turn.filler
    assert "first token" not in turn.stages
    assert turn.total == milliseconds(100), "the filler is spoken as soon as there is a request"
    kinds = [type(event) for event in stage.seen]
    assert kinds.index(inputs.SpeechAudio) < kinds.index(inputs.ModelStarted)


async def test_a_model_that_hears_waits_for_no_transcript() -> None:
    model = ScriptedRealtime(speak("Hello there.", first=0.3))
    stage = Stage(model=model.name, native=[model], stt=ScriptedStt(Heard("hi", delay=0.4)))
    turn = await measured(stage, audio={"input": {"transcription": {"model": "whisper-1"}}})
    assert turn.stages["first token"] == milliseconds(300)
    assert list(turn.stages) == ["first token", "first audio"]


async def test_an_answer_beside_the_conversation_is_not_that_of_the_turn() -> None:
    turns: list[TurnLatency] = []
    stage = Stage(stt=ScriptedStt(Heard("hi", delay=1.0)))
    stage.observers.append(LatencyObserver(turns.append))
    gate = {"turn_detection": {"type": "server_vad", "create_response": False}}
    async with stage.session() as client:
        configure(client, audio={"input": gate})
        await client.turn()
        client.send("response.create", response={"conversation": "none", "input": []})
        await client.wait_for("response.done")
        assert not turns
        client.send("response.create")
        await client.wait_for("response.done", 2)
    assert len(turns) == 1
