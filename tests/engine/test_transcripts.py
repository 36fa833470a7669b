"""Words that appear while the user speaks, and sessions that only transcribe."""

import pytest

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.transcripts import agreed
from tests.engine.machine_harness import Machine, types
from tests.engine.test_refusals import refused

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


def transcribing(m: Machine) -> Machine:
    m.update(audio={"input": {"transcription": {"model": "whisper-1", "language": "en"}}})
    return m


def partial(m: Machine, text: str) -> list[str]:
    item_id = m.last(fx.Follow).item_id
    return [e["delta"] for e in m.give(inputs.PartlyTranscribed(item_id, text))]


def test_what_partials_agree_on_is_shown_and_the_final_text_completes_it() -> None:
    m = transcribing(Machine())
    m.hear(*[0.9] * 20)
    assert partial(m, "good mor") == []
    assert partial(m, "good morning to") == ["good"]
    assert partial(m, "good morning to you") == [" morning to"]
    m.hear(*[0.0] * 7)
    events = m.transcribe("good morning to you all")
    assert types(events)[:2] == [DELTA, COMPLETED]
    deltas = "".join(event["delta"] for event in m.of(DELTA))
    assert deltas == events[1]["transcript"] == "good morning to you all"
    item_ids = {event["item_id"] for event in m.of(DELTA)}
    assert item_ids == {m.of("input_audio_buffer.speech_started")[0]["item_id"]}


def test_what_was_shown_is_never_taken_back_and_the_final_text_has_the_last_word() -> None:
    m = transcribing(Machine())
    m.hear(*[0.9] * 20)
    partial(m, "recognise speech")
    assert partial(m, "recognise speech now") == ["recognise speech"]
    assert partial(m, "wreck a nice beach") == []
    m.hear(*[0.0] * 7)
    assert types(m.transcribe("wreck a nice beach"))[0] == COMPLETED


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("good mor", "good morning", "good"),
        ("good morning", "good morning", "good morning"),
        ("good", "good morning", "good"),
        ("goo", "good", ""),
        ("", "good", ""),
        ("hello there", "hallo there", ""),
    ],
)
def test_two_guesses_agree_on_whole_words(one: str, other: str, both: str) -> None:
    assert agreed(one, other) == agreed(other, one) == both


def test_without_transcription_nobody_sees_partials() -> None:
    m = Machine()
    m.hear(*[0.9] * 20)
    partial(m, "good")
    assert partial(m, "good morning") == []


def test_a_turn_is_followed_from_its_beginning_and_committed_whole() -> None:
    m = transcribing(Machine())
    m.speak_turn()
    followed = b"".join(effect.pcm for effect in m.all(fx.Follow))
    assert m.committed.startswith(followed)
    assert len(m.committed) - len(followed) < 200 * 48


def test_a_cleared_turn_is_not_followed_any_more() -> None:
    m = transcribing(Machine())
    m.hear(*[0.9] * 20)
    item_id = m.last(fx.Follow).item_id
    m.client("input_audio_buffer.clear")
    assert m.last(fx.StopFollowing).item_id == item_id


def test_a_session_can_turn_to_transcription_and_then_answers_nothing() -> None:
    m = Machine()
    [updated] = m.client(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    )
    session = updated["session"]
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
    }
    assert "instructions" not in session
    assert types(m.speak_turn())[-1] == "conversation.item.done"
    assert COMPLETED in types(m.transcribe("good morning"))
    assert m.all(fx.Generate) == []


def test_a_transcription_session_refuses_to_respond() -> None:
    m = Machine()
    m.client("session.update", session={"type": "transcription"})
    assert refused(m, "response.create")["type"] == "invalid_request_error"


def test_words_that_must_go_on_keep_a_semantic_turn_open() -> None:
    def silence_until_stop(words: str) -> int:
        m = transcribing(Machine())
        m.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
        m.hear(*[0.9] * 20, *[0.0] * 3)
        m.give(inputs.PartlyTranscribed(m.last(fx.Follow).item_id, words))
        m.give(inputs.TurnScored(m.last(fx.ScoreTurn).pause, 0.6))
        windows = 3
        while not m.of("input_audio_buffer.speech_stopped"):
            m.hear(0.0)
            windows += 1
        return windows

    assert silence_until_stop("I would like to order a pizza and") > silence_until_stop("No, thank you.")
