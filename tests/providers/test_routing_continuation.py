"""The rest of an answer that broke off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.providers.base.llm import LlmRequest, Message
from antiphon.providers.routing.continuation import Rest, WholeWords, continuing


def rest_of(said, text, size=1):
    rest = Rest(said)
    words = WholeWords()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return "".join(
        [*(rest.push(words.push(piece)) for piece in pieces), rest.push(words.flush()), rest.flush()]
    )


@pytest.mark.parametrize(
    ("said", "text", "new"),
    [
        ("It is sunny and ", "rains later.", "rains later."),
        ("It is sunny and ", "and rains later.", "rains later."),
        ("It is sunny and ", "It is sunny and rains later.", "rains later."),
        ("Yes. It is ", "It is what it is.", "what it is."),
        ("It is sunny and ", "It is cold.", "It is cold."),
        ("It is sunny and ", "andante, then", "andante, then"),
        ("It is sunny and ", "...and rains.", "rains."),
        ("It is sunny and ", "It is sunny and ", ""),
        ("It is sunny and ", "", ""),
        ("", " All of it.", " All of it."),
        ("今天天气", "天气很好。", "很好。"),
        ("今天天气", "很好。", "很好。"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_repetition_is_left_out(said, text, new, size):
    assert rest_of(said, text, size) == new


def test_what_cannot_be_a_repetition_is_not_held_back():
    rest = Rest("It is sunny and ")
    assert rest.push("rains ") == "rains "
    assert rest.push("it ") == "it "


def test_the_last_word_is_held_until_it_is_whole():
    words = WholeWords()
    assert words.push("Hel") == ""
    assert words.push("lo the") == "Hello "
    assert words.push("re. ") == "there. "
    assert words.push("Bye") == ""
    assert words.flush() == "Bye"
    assert words.flush() == ""


def test_characters_that_are_words_are_not_held():
    assert WholeWords().push("今天天气很好") == "今天天气很好"


def test_a_word_without_end_is_not_held_for_ever():
    words = WholeWords()
    assert words.push("a" * 200)
    assert words.push("b") in ("", "b")


@given(st.text(alphabet="ab 今。\n", max_size=200), st.integers(1, 7))
def test_words_are_only_ever_delayed(text, size):
    words = WholeWords()
    pieces = [words.push(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join(pieces) + words.flush() == text


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=8),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=8),
)
def test_only_a_repeated_beginning_is_ever_left_out(said, more):
    text = " ".join(more)
    new = rest_of(" ".join(said) + " ", text)
    assert text.endswith(new)
    left_out = text[: len(text) - len(new)].split()
    assert said[len(said) - len(left_out) :] == left_out


def test_the_request_carries_what_was_said():
    request = LlmRequest("Be brief.", [Message("user", "Hello.")], max_output_tokens=20)
    carried = continuing(request, "Good day to ")
    assert [message.role for message in carried.messages] == ["user", "assistant", "user"]
    assert carried.messages[1].text == "Good day to"
    assert carried.max_output_tokens == 17
    assert continuing(request, "word " * 100).max_output_tokens == 16
    assert continuing(LlmRequest("", []), "Good day ").max_output_tokens is None
