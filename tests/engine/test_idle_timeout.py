"""A user who says nothing after an answer (protocol reference 2.1 I)."""

import pytest

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from tests.engine.machine_harness import Machine, types

IDLE = {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6_000}}}


def answered(m: Machine) -> Machine:
    m.update(audio=IDLE)
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    m.model_ends()
    return m


def test_the_silence_becomes_a_turn_and_is_answered() -> None:
    m = answered(Machine())
    assert m.last(fx.SetTimer) == fx.SetTimer("idle", 6_400)  # once the 400 ms have been played
    m.hear(*[0.0] * 200)
    events = m.give(inputs.TimerFired("idle"))
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    triggered, committed = events[:2]
    assert triggered["item_id"] == committed["item_id"]
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 6_000
    assert m.last(fx.Generate).request.messages[-1].text == "(The user has said nothing for a while.)"


def test_a_user_who_begins_to_speak_is_not_idle() -> None:
    m = answered(Machine())
    m.hear(*[0.9] * 3)
    assert m.last(fx.CancelTimer) == fx.CancelTimer("idle")
    assert m.give(inputs.TimerFired("idle")) == []


def test_a_response_that_runs_is_waited_for() -> None:
    m = answered(Machine())
    m.client("response.create")
    assert m.last(fx.CancelTimer) == fx.CancelTimer("idle")
    assert m.give(inputs.TimerFired("idle")) == []


@pytest.mark.parametrize(
    "detection", [None, {"type": "semantic_vad"}, {"type": "server_vad", "idle_timeout_ms": None}]
)
def test_a_timeout_that_was_switched_off_does_nothing(detection: object) -> None:
    m = answered(Machine())
    m.update(audio={"input": {"turn_detection": detection}})
    assert m.give(inputs.TimerFired("idle")) == []


def test_without_a_timeout_there_is_no_timer() -> None:
    m = Machine()
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    m.model_ends()
    assert [effect.name for effect in m.all(fx.SetTimer)] == ["expiry"]
