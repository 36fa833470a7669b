"""What recognisers that judge turns themselves have to say about the end of a turn."""

from typing import Literal

import pytest

from antiphon.engine import inputs
from antiphon.engine.patience import LONGEST_WAIT_MS, patience
from antiphon.engine.turns import WINDOW, ProbablyOver, Sign, SpeechStopped, TurnDetector
from antiphon.engine.wording import Wording
from antiphon.protocol.session import SemanticVad
from antiphon.providers.base.stt import TurnSignal
from antiphon.providers.scripted import Heard, ScriptedStt
from tests.engine.machine_harness import Machine
from tests.engine.session_harness import Stage

SURE = patience(1.0, Wording.SAYS_NOTHING, "medium")
PROBABLE = patience(0.75, Wording.SAYS_NOTHING, "medium")
LONGEST = LONGEST_WAIT_MS["medium"]
SPOKEN = 10  # windows


class Pause:
    """A machine whose user spoke for ten windows and has then been silent for 100 ms."""

    def __init__(self, kind: Literal["semantic_vad", "server_vad"] = "semantic_vad") -> None:
        self.machine = Machine()
        detection = {"type": kind} | ({"silence_duration_ms": 1000} if kind == "server_vad" else {})
        self.machine.update(audio={"input": {"turn_detection": detection}})
        self.machine.hear(*[0.9] * SPOKEN, *[0.0] * 3)
        [started] = self.machine.of("input_audio_buffer.speech_started")
        self.item_id = started["item_id"]

    def signal(self, sign: Sign, item_id: str | None = None) -> "Pause":
        self.machine.give(inputs.TurnSignalled(item_id or self.item_id, sign))
        return self

    def score(self, probability: float) -> "Pause":
        self.machine.give(inputs.TurnScored(1, probability))
        return self

    @property
    def waited_ms(self) -> int:
        """How long the silence was that ended the turn."""
        while not self.machine.of("input_audio_buffer.speech_stopped"):
            self.machine.hear(0.0)
        [stopped] = self.machine.of("input_audio_buffer.speech_stopped")
        waited: int = stopped["audio_end_ms"] - SPOKEN * 32
        return waited


def test_a_turn_that_has_ended_for_its_recogniser_ends_early() -> None:
    assert Pause().score(0.2).signal("ended").waited_ms == SURE
    assert Pause().score(0.2).waited_ms > SURE


def test_no_score_is_needed_for_it() -> None:
    assert Pause().signal("ended").waited_ms == SURE
    assert Pause().waited_ms == LONGEST


def test_a_turn_that_probably_ended_waits_a_little() -> None:
    assert Pause().score(0.2).signal("probably_ended").waited_ms == PROBABLE
    assert SURE < PROBABLE < LONGEST


def test_a_score_that_is_surer_than_probably_counts() -> None:
    surer = patience(0.9, Wording.SAYS_NOTHING, "medium")
    assert Pause().score(0.9).signal("probably_ended").waited_ms == surer < PROBABLE


def test_a_turn_that_goes_on_after_all_is_waited_for() -> None:
    assert Pause().score(0.9).signal("probably_ended").signal("resumed").waited_ms == LONGEST


def test_the_last_sign_counts() -> None:
    assert Pause().signal("resumed").signal("ended").waited_ms == SURE


def test_a_score_that_comes_after_the_sign_does_not_overrule_it() -> None:
    assert Pause().signal("ended").score(0.01).waited_ms == SURE
    assert Pause().signal("resumed").score(0.99).waited_ms == LONGEST


def test_a_sign_that_comes_late_ends_the_turn_at_once() -> None:
    pause = Pause()
    pause.machine.hear(*[0.0] * 20)
    assert not pause.machine.of("input_audio_buffer.speech_stopped")
    pause.signal("ended")
    assert pause.waited_ms == SURE


def test_a_sign_while_the_user_speaks_says_nothing_about_the_next_pause() -> None:
    pause = Pause()
    pause.machine.hear(*[0.9] * 5)
    pause.signal("ended")
    pause.machine.hear(*[0.0] * 30)
    assert not pause.machine.of("input_audio_buffer.speech_stopped")


def test_a_sign_holds_for_its_own_pause_only() -> None:
    detector = TurnDetector(SemanticVad(eagerness="medium"), 0)
    detector.heard([0.9] * 10 + [0.0] * 4, 14 * WINDOW)
    detector.signalled("resumed", detector.evaluated)
    detector.heard([0.9] * 5 + [0.0] * 4, 23 * WINDOW)
    assert detector.signalled("ended", detector.evaluated) == [ProbablyOver(detector.evaluated)]
    stopped = detector.heard([0.0] * 10, 33 * WINDOW)
    assert stopped[-1] == SpeechStopped(19 * WINDOW + SURE * 24)


@pytest.mark.parametrize("sign", ["ended", "probably_ended", "resumed"])
def test_server_vad_goes_by_the_silence_alone(sign: Sign) -> None:
    assert Pause("server_vad").signal(sign).waited_ms == 1000


def test_a_sign_for_another_turn_is_ignored() -> None:
    assert Pause().signal("ended", "item_of_another_turn").waited_ms == LONGEST


def test_a_sign_that_comes_after_the_turn_changes_nothing() -> None:
    pause = Pause()
    assert pause.signal("ended").waited_ms == SURE
    before = len(pause.machine.events)
    pause.signal("resumed").signal("ended")
    assert len(pause.machine.events) == before


def test_without_turn_detection_signs_are_ignored() -> None:
    pause = Pause()
    pause.machine.manual()
    pause.signal("ended")
    assert not pause.machine.of("input_audio_buffer.speech_stopped")


@pytest.mark.parametrize(("sign", "wait_ms"), [("ended", SURE), ("resumed", LONGEST)])
async def test_a_session_hears_what_its_recogniser_makes_of_a_pause(sign: Sign, wait_ms: int) -> None:
    heard = Heard("that is all", signals=((1200, TurnSignal(sign)),))
    stage = Stage(stt=ScriptedStt(heard))
    stage.end_of_turn.probability = 0.4
    async with stage.session() as client:
        semantic = {"type": "semantic_vad", "eagerness": "medium"}
        client.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": semantic}}}
        )
        await client.speak(1.0)
        await client.speak(5.0, loud=False)
        stopped = await client.wait_for("input_audio_buffer.speech_stopped")
        assert stopped["audio_end_ms"] == pytest.approx(1000 + wait_ms, abs=32)
