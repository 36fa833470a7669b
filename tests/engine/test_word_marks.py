"""Voices that say when each word is heard: what was said of an answer that was cut off follows their marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.playout import Speech
from antiphon.providers.base.tts import WordMark
from antiphon.providers.scripted import ScriptedLlm, ScriptedTts, say
from antiphon.providers.scripted import Speech as Script
from tests.engine.machine_harness import Machine
from tests.engine.session_harness import Stage

Marks = list[tuple[str, int]]  # words and when they end, in ms


def heard(text: str, ms: int, marks: Marks, at: int) -> str:
    """What was heard of one piece of `ms` when it was cut `at` so many."""
    speech = Speech()
    speech.say(text)
    for word, end in marks:
        speech.mark(word, end * 24)
    speech.samples = ms * 24
    speech.cut(at * 24)
    return speech.heard_text.rstrip()


SLOW_START: Marks = [("Well,", 1500), ("it", 1600), ("depends", 2000)]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (0, ""),
        (1499, ""),
        (1500, "Well,"),
        (1599, "Well,"),
        (1600, "Well, it"),
        (1999, "Well, it"),
        (2000, "Well, it depends"),
    ],
)
def test_words_count_as_heard_when_the_voice_says_they_end(at: int, said: str) -> None:
    assert heard("Well, it depends", 2000, SLOW_START, at) == said


def test_without_marks_text_and_time_are_proportional() -> None:
    assert heard("Well, it depends", 1600, [], 700) == "Well,"
    assert heard("Well, it depends", 1600, [], 800) == "Well, it"


def test_silence_after_the_last_word_takes_nothing_away() -> None:
    assert heard("Well, it depends", 9000, SLOW_START, 2001) == "Well, it depends"


def test_beyond_the_marks_the_rest_is_proportional() -> None:
    marks = [("one", 1000)]
    text = "one two three"
    assert heard(text, 2000, marks, 1000) == "one"
    assert heard(text, 2000, marks, 1500) == "one two"
    assert heard(text, 2000, marks, 2000) == text


def test_between_marks_the_words_that_have_none_are_proportional() -> None:
    marks = [("I", 100), ("cats", 2100)]
    assert heard("I see 3 or 4 cats", 2100, marks, 100) == "I"
    assert heard("I see 3 or 4 cats", 2100, marks, 1100) == "I see 3"


def test_marks_out_of_order_are_ignored() -> None:
    marks = [("one", 1000), ("two", 500), ("three", 1500)]
    assert heard("one two three", 1500, marks, 999) == ""
    assert heard("one two three", 1500, marks, 1499).startswith("one")
    assert heard("one two three", 1500, marks, 1500) == "one two three"


def test_a_mark_that_ends_after_its_piece_takes_nothing_of_the_next() -> None:
    speech = Speech()
    speech.say("one two ")
    speech.mark("two", 24 * 5000)
    speech.samples = 24 * 1000
    speech.say("three four")
    speech.samples = 24 * 6000
    speech.cut(24 * 5500)
    assert speech.heard_text.rstrip() == "one two three"
    speech.cut(24 * 1000)
    assert speech.heard_text.rstrip() == "one two"


def test_words_that_are_not_in_the_text_are_ignored() -> None:
    marks = [("<break>", 100), ("one", 500), ("", 600), ("twenty", 700), ("two", 1000)]
    assert heard("one two", 1000, marks, 500) == "one"
    assert heard("one two", 1000, marks, 1000) == "one two"


def test_a_word_far_ahead_is_not_taken_for_one_that_is_read_otherwise() -> None:
    text = "3 cats lived quietly in an old house, and three dogs"
    marks = [("three", 400), ("cats", 800), ("lived", 1200)]
    assert heard(text, 8000, marks, 400) == "3"
    assert heard(text, 8000, marks, 800) == "3 cats"


def test_the_same_word_twice_is_two_words() -> None:
    marks = [("no", 300), ("no", 600), ("no", 900)]
    assert heard("no no no", 900, marks, 600) == "no no"


def test_after_words_without_marks_the_next_piece_is_marked_again() -> None:
    speech = Speech()
    speech.say("https://example.org/a/very/long/address/that/nobody/reads ")
    speech.samples = 24 * 3000
    speech.say("is the address")
    for word, end in (("link", 500), ("is", 5000), ("the", 5100), ("address", 5200)):
        speech.mark(word, end * 24)
    speech.samples = 24 * 5200
    speech.cut(24 * 5100)
    assert speech.heard_text.rstrip().endswith("reads is the")
    speech.cut(24 * 4999)
    assert speech.heard_text.rstrip().endswith("reads")


def test_text_that_is_announced_in_several_pieces_at_once_is_one_piece() -> None:
    speech = Speech()
    speech.say("one two ")
    speech.say("three four")
    speech.samples = 24 * 1800
    speech.cut(24 * 900)
    assert speech.heard_text.rstrip() == "one two"


WORDS = ["one ", "no ", "two, ", "no way. ", "twenty", " "]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(WORDS), st.just(0)),
        st.tuples(st.just("mark"), st.sampled_from(WORDS), st.integers(-100, 3000)),
        st.tuples(st.just("play"), st.just(""), st.integers(1, 800)),
    ),
    max_size=30,
)


@given(steps)
def test_whatever_is_marked_more_time_never_means_fewer_words(steps: list[tuple[str, str, int]]) -> None:
    speech = Speech()
    begins: list[tuple[int, int]] = []
    for step, text, number in steps:
        if step == "say":
            begins.append((speech.samples, len(speech.text)))
            speech.say(text)
        elif step == "mark":
            speech.mark(text, number)
        else:
            speech.samples += number
    longest = speech.text
    for at in range(speech.samples, -1, -37):
        speech.cut(at)
        assert longest.startswith(speech.heard_text)
        longest = speech.heard_text
        assert all(len(longest) <= offset for begin, offset in begins if begin > at)


def answering() -> Machine:
    m = Machine()
    m.say("Tell me a story.")
    m.client("response.create")
    return m


def remembered(m: Machine) -> str:
    """What the model is told that it said."""
    m.client("response.create", response={"conversation": "none"})
    messages = m.last(fx.Generate).request.messages
    return "".join(message.text for message in messages if message.role == "assistant").rstrip()


def test_it_works_the_model_remembers_the_words_that_were_marked_as_heard() -> None:
    m = answering()
    for word, start, end in (("Well,", 0, 1500), ("it", 1500, 1600), ("depends", 1600, 2000)):
        m.give(inputs.WordMarked(m.response_id, word, start, end))  # before their text: void
    m.give(inputs.SpeechText(m.response_id, "Well, it depends. "))
    for word, start, end in (("Well,", 0, 1500), ("it", 1500, 1600), ("depends", 1600, 2000)):
        m.give(inputs.WordMarked(m.response_id, word, start, end))
    m.give(inputs.SpeechAudio(m.response_id, b"\x01\x00" * 24 * 2000, 24 * 2000))
    m.now += 1550
    m.hear(0.9, 0.9)
    assert remembered(m) == "Well, it"


def test_words_whose_audio_was_never_made_are_not_remembered() -> None:
    m = answering()
    m.give(inputs.SpeechText(m.response_id, "Well, it depends. "))
    for word, end in (("Well,", 400), ("it", 600), ("depends.", 1200)):
        m.give(inputs.WordMarked(m.response_id, word, 0, end))
    m.give(inputs.SpeechAudio(m.response_id, b"\x01\x00" * 24 * 500, 24 * 500))
    m.now += 5000  # the voice falls behind, and all there was is played
    m.hear(0.9, 0.9)
    assert remembered(m) == "Well,"


def test_a_whole_answer_is_remembered_whole_whatever_the_marks_say() -> None:
    m = answering()
    m.give(inputs.SpeechText(m.response_id, "Well, it depends."))
    m.give(inputs.WordMarked(m.response_id, "Well,", 0, 9000))
    m.give(inputs.SpeechAudio(m.response_id, b"\x01\x00" * 24 * 500, 24 * 500))
    m.model_ends()
    m.now += 5000
    m.hear(0.9, 0.9)
    assert remembered(m) == "Well, it depends."


def test_marks_of_a_response_that_is_over_go_nowhere() -> None:
    m = answering()
    m.model_says("Well. ")
    m.model_ends()
    assert m.give(inputs.WordMarked(m.response_id, "Well.", 0, 100)) == []


async def test_on_a_line_the_voice_says_how_much_was_heard() -> None:
    text = "Once upon a time there was a very small house."
    marks = (WordMark("Once", 0, 200), WordMark("upon", 200, 1900), WordMark("a", 1900, 2500))
    voice = ScriptedTts(Script(marks=marks), ms_per_character=100)
    stage = Stage(llm=ScriptedLlm(say(text)), tts=voice)
    async with stage.session(paced=True) as client:
        client.say("Tell me a story.")
        await client.wait_for("output_audio_buffer.started")
        await client.speak(1.5, loud=False)
        await client.speak(0.3)
        truncated = await client.wait_for("conversation.item.truncated")
        assert 200 < truncated["audio_end_ms"] < 1900
        client.say("What did you say?")
        await client.wait_for("response.done", 2)
    said = next(m.text for m in stage.llm.calls[1].request.messages if m.role == "assistant")
    assert said.rstrip() == "Once", "by time alone it would be more"
