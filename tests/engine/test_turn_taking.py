"""When turns start and stop, and what of the audio belongs to them."""

from typing import get_args

import pytest

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.patience import LONGEST_WAIT_MS, patience
from antiphon.engine.turns import WINDOW, PauseBegan, SpeechStopped, TurnDetector
from antiphon.engine.wording import Wording
from antiphon.protocol.session import Eagerness, SemanticVad, ServerVad
from tests.engine.machine_harness import Machine, types

WINDOW_MS = 32
EAGERNESSES = get_args(Eagerness)


def test_a_turn_is_the_speech_with_its_padding_and_the_silence_that_ended_it() -> None:
    m = Machine()
    m.hear(*[0.0] * 20, *[0.9] * 10, *[0.0] * 7)
    [started], [stopped] = (
        m.of("input_audio_buffer.speech_started"),
        m.of("input_audio_buffer.speech_stopped"),
    )
    assert started["audio_start_ms"] == 20 * WINDOW_MS - 300
    assert stopped["audio_end_ms"] == 30 * WINDOW_MS + 200
    assert m.committed == m.appended[started["audio_start_ms"] * 48 : stopped["audio_end_ms"] * 48]


def test_the_next_turn_takes_nothing_of_the_one_before() -> None:
    m = Machine()
    m.speak_turn()
    first_end = m.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
    m.hear(0.9, 0.9)
    assert m.of("input_audio_buffer.speech_started")[1]["audio_start_ms"] >= first_end


def test_one_loud_window_is_no_speech() -> None:
    m = Machine()
    m.hear(0.0, 0.9, 0.0, 0.9, 0.0)
    assert types(m.events) == ["session.created"]


def test_a_short_pause_does_not_end_a_turn() -> None:
    m = Machine()
    m.hear(*[0.9] * 5, *[0.0] * 5, *[0.9] * 5)
    assert "input_audio_buffer.speech_stopped" not in types(m.events)


def test_a_stop_does_not_wait_for_the_window_in_which_the_silence_completes() -> None:
    m = Machine()
    m.hear(*[0.9] * 5, *[0.0] * 6)  # 192 ms of silence
    assert not m.of("input_audio_buffer.speech_stopped")
    m.append(b"\x00\x00" * 24 * 8)
    assert m.of("input_audio_buffer.speech_stopped")


def test_probabilities_that_come_late_find_the_same_turn() -> None:
    early, late = Machine(), Machine()
    probabilities = [0.0] * 3 + [0.9] * 10 + [0.0] * 8
    early.hear(*probabilities)
    for _ in probabilities:
        late.append(bytes(1536))
    late.detect(*probabilities)
    for kind in ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"):
        [a], [b] = early.of(kind), late.of(kind)
        assert {k: v for k, v in a.items() if k.endswith("_ms")} == {
            k: v for k, v in b.items() if k.endswith("_ms")
        }


def test_a_commit_by_hand_closes_the_turn_being_spoken_under_its_id() -> None:
    m = Machine()
    m.hear(*[0.9] * 10)
    item_id = m.of("input_audio_buffer.speech_started")[0]["item_id"]
    events = m.client("input_audio_buffer.commit")
    assert types(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert events[0]["item_id"] == item_id
    m.hear(*[0.0] * 8)
    assert not m.of("input_audio_buffer.speech_stopped")


def test_clearing_forgets_the_turn_being_spoken() -> None:
    m = Machine()
    m.hear(*[0.9] * 10)
    m.client("input_audio_buffer.clear")
    m.hear(*[0.0] * 8)
    assert not m.of("input_audio_buffer.speech_stopped")
    assert m.all(fx.Transcribe) == []


def test_speech_that_goes_on_after_a_clear_begins_a_turn_without_what_was_cleared() -> None:
    m = Machine()
    m.hear(*[0.9] * 10)
    m.client("input_audio_buffer.clear")
    m.hear(0.9, 0.9)
    assert m.of("input_audio_buffer.speech_started")[1]["audio_start_ms"] == 10 * WINDOW_MS


def test_other_settings_in_mid_speech_hold_for_the_turn_in_progress() -> None:
    m = Machine()
    m.hear(*[0.9] * 5)
    m.update(audio={"input": {"turn_detection": {"silence_duration_ms": 500}}})
    m.hear(*[0.0] * 10)
    assert not m.of("input_audio_buffer.speech_stopped")
    m.hear(*[0.0] * 6)
    assert m.of("input_audio_buffer.speech_stopped")


def test_turning_detection_off_leaves_the_audio_for_a_commit_by_hand() -> None:
    m = Machine()
    m.hear(*[0.9] * 10)
    m.manual()
    assert m.all(fx.StopDetecting)
    m.client("input_audio_buffer.commit")
    assert m.committed == m.appended


def test_without_create_response_a_turn_is_committed_and_not_answered() -> None:
    m = Machine()
    m.update(audio={"input": {"turn_detection": {"create_response": False}}})
    m.speak_turn()
    assert m.of("input_audio_buffer.committed")
    assert not m.of("response.created")


def test_without_interrupt_response_the_answer_goes_on_and_the_turn_is_answered_after_it() -> None:
    m = Machine()
    m.update(audio={"input": {"turn_detection": {"interrupt_response": False}}})
    m.say("hi")
    m.client("response.create")
    m.model_says("A long answer. ")
    m.speak_turn()
    assert len(m.of("response.created")) == 1
    m.transcribe()
    events = m.model_ends()
    assert types(events)[-1] == "response.created"
    assert m.of("response.done")[0]["response"]["status"] == "completed"


def test_a_response_waits_for_the_words_of_the_turn_and_sees_them() -> None:
    m = Machine()
    m.speak_turn()
    assert m.all(fx.Generate) == []
    m.transcribe("what time is it")
    assert [message.text for message in m.last(fx.Generate).request.messages] == ["what time is it"]


def test_a_score_ends_a_semantic_turn_or_lets_the_pause_go_on() -> None:
    m = Machine()
    m.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    m.hear(*[0.9] * 10, *[0.0] * 3)
    first = m.last(fx.ScoreTurn)
    assert first.pcm == m.appended + bytes(104 * 48), "with the rest of the shortest wait as silence"
    m.give(inputs.TurnScored(first.pause, 0.2))
    m.hear(*[0.0] * 11, *[0.9] * 3, *[0.0] * 3)
    second = m.last(fx.ScoreTurn)
    assert second.pause != first.pause
    m.give(inputs.TurnScored(first.pause, 0.99))
    m.hear(*[0.0] * 4)
    assert not m.of("input_audio_buffer.speech_stopped")
    m.give(inputs.TurnScored(second.pause, 0.99))
    assert m.of("input_audio_buffer.speech_stopped")


def test_eagerness_sets_the_longest_pause() -> None:
    for eagerness, seconds in (("high", 2), ("medium", 4), ("auto", 4), ("low", 8)):
        m = Machine()
        m.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}})
        m.hear(*[0.9] * 5, *[0.0] * (seconds * 1000 // WINDOW_MS - 2))
        assert not m.of("input_audio_buffer.speech_stopped")
        m.hear(*[0.0] * 3)
        assert m.of("input_audio_buffer.speech_stopped")


class Pausing:
    """A detector under semantic VAD whose user spoke for ten windows and then fell silent."""

    def __init__(self, eagerness: Eagerness = "medium") -> None:
        self.detector = TurnDetector(SemanticVad(eagerness=eagerness), 0)
        self.detector.heard([0.9] * 10, 10 * WINDOW)
        self.pause = 0
        self.stopped_after_ms: float | None = None
        self._silent_since = 10 * WINDOW

    @property
    def end(self) -> int:
        return self.detector.evaluated

    def silent(self, ms: float) -> "Pausing":
        """Silence goes on until it has lasted `ms`, in windows."""
        while self.stopped_after_ms is None and self.end < self._silent_since + ms * 24:
            self._note(self.detector.heard([0.0], self.end + WINDOW))
        return self

    def speaks(self) -> None:
        self._note(self.detector.heard([0.9] * 3, self.end + 3 * WINDOW))
        self._silent_since = self.end

    def scored(self, probability: float) -> "Pausing":
        self._note(self.detector.scored(self.pause, probability, self.end))
        return self

    def worded(self, text: str, language: str | None = "en") -> "Pausing":
        self._note(self.detector.worded(text, self.end, language))
        return self

    def _note(self, decisions: object) -> None:
        assert isinstance(decisions, list)
        for decision in decisions:
            match decision:
                case PauseBegan(pause):
                    self.pause = pause
                case SpeechStopped(at):
                    self.stopped_after_ms = (at - self._silent_since) / 24


@pytest.mark.parametrize("eagerness", EAGERNESSES)
def test_the_score_sets_how_long_to_wait(eagerness: Eagerness) -> None:
    waits = []
    for probability in (0.99, 0.9, 0.5, 0.1):
        wait = Pausing(eagerness).silent(100).scored(probability).silent(9000).stopped_after_ms
        assert wait == patience(probability, Wording.SAYS_NOTHING, eagerness)
        waits.append(wait)
    assert waits == sorted(set(waits))


@pytest.mark.parametrize(
    ("eagerness", "shortest", "longest"),
    [("high", 200, 2000), ("medium", 300, 4000), ("auto", 300, 4000), ("low", 500, 8000)],
)
def test_each_eagerness_has_its_shortest_and_its_longest_wait(
    eagerness: Eagerness, shortest: int, longest: int
) -> None:
    for probability in (0.99, 1.0):
        assert patience(probability, Wording.SAYS_NOTHING, eagerness) == shortest
    for probability in (0.01, 0.0):
        assert patience(probability, Wording.SAYS_NOTHING, eagerness) == longest == LONGEST_WAIT_MS[eagerness]


@pytest.mark.parametrize("eagerness", EAGERNESSES)
def test_a_higher_probability_never_waits_longer(eagerness: Eagerness) -> None:
    for wording in Wording:
        waits = [patience(percent / 100, wording, eagerness) for percent in range(101)]
        assert waits == sorted(waits, reverse=True)


def test_words_that_go_on_make_the_wait_longer_and_complete_ones_shorter() -> None:
    for probability in (0.9, 0.5, 0.2):
        complete, silent, unfinished = (
            patience(probability, wording, "auto")
            for wording in (Wording.COMPLETE, Wording.SAYS_NOTHING, Wording.UNFINISHED)
        )
        assert complete < silent < unfinished


def test_a_score_that_comes_late_ends_the_turn_where_it_would_have_ended_in_time() -> None:
    late = Pausing().silent(1000).scored(0.9)
    assert late.stopped_after_ms == patience(0.9, Wording.SAYS_NOTHING, "medium")


def test_without_a_score_words_change_nothing() -> None:
    assert Pausing("high").silent(100).worded("and").silent(9000).stopped_after_ms == 2000
    assert Pausing("high").silent(100).worded("yes").silent(9000).stopped_after_ms == 2000


def test_words_come_before_or_after_the_score() -> None:
    wait = patience(0.9, Wording.UNFINISHED, "medium")
    assert Pausing().silent(100).worded("I want a").scored(0.9).silent(9000).stopped_after_ms == wait
    assert (
        Pausing().silent(100).scored(0.9).silent(300).worded("I want a").silent(9000).stopped_after_ms == wait
    )


def test_better_words_replace_those_before() -> None:
    pausing = Pausing().silent(100).scored(0.9).worded("I want a").silent(300).worded("I want a coffee.")
    assert pausing.silent(9000).stopped_after_ms == patience(0.9, Wording.SAYS_NOTHING, "medium")


def test_words_that_came_while_the_user_spoke_say_nothing_about_the_pause() -> None:
    pausing = Pausing().worded("I want a").silent(100).scored(0.9).silent(9000)
    assert pausing.stopped_after_ms == patience(0.9, Wording.SAYS_NOTHING, "medium")


def test_each_pause_is_judged_anew() -> None:
    pausing = Pausing().silent(100).scored(0.2).worded("I want a")
    pausing.speaks()
    first = pausing.pause
    pausing.silent(100)
    assert pausing.pause == first + 1
    assert pausing.stopped_after_ms is None
    pausing.scored(0.9).silent(9000)
    assert pausing.stopped_after_ms == patience(0.9, Wording.SAYS_NOTHING, "medium")


def test_a_pause_is_scored_once_however_long_it_is() -> None:
    detector = TurnDetector(SemanticVad(eagerness="low"), 0)
    decisions = detector.heard([0.9] * 10 + [0.0] * 200, 210 * WINDOW)
    assert [type(decision) for decision in decisions].count(PauseBegan) == 1


def test_server_vad_asks_for_no_score_and_heeds_no_words() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=500), 0)
    decisions = detector.heard([0.9] * 10 + [0.0] * 10, 20 * WINDOW)
    assert not any(isinstance(decision, PauseBegan) for decision in decisions)
    assert detector.worded("and", detector.evaluated) == []
    assert detector.heard([0.0] * 6, 26 * WINDOW) == [SpeechStopped(10 * WINDOW + 500 * 24)]


def test_another_eagerness_holds_for_the_pause_in_progress() -> None:
    pausing = Pausing("low").silent(100).scored(0.5).silent(300)
    pausing.detector.configure(SemanticVad(eagerness="high"))
    assert pausing.silent(9000).stopped_after_ms == patience(0.5, Wording.SAYS_NOTHING, "high")
