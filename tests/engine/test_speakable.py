"""Cutting a model's text into pieces for the voice."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.speakable import Speakable


def cut(text: str, *, size: int | None = None) -> list[str]:
    speakable = Speakable()
    deltas = [text] if size is None else [text[at : at + size] for at in range(0, len(text), size)]
    return [piece for delta in deltas for piece in speakable.push(delta)] + speakable.flush()


TEXTS = st.text(
    st.sampled_from("abIU 3059  .,..!?:;-—\n\"')(*_/@€$…。，？你好はन।\u0301\u200d🙂")
    | st.characters(exclude_categories=["Cs"]),
    max_size=400,
)


def test_it_works():
    assert cut("Sure, I can do that. Which day suits you best? And when would you like to come to us?") == [
        "Sure, ",
        "I can do that. ",
        "Which day suits you best? ",
        "And when would you like to come to us?",
    ]


def test_the_first_piece_comes_as_soon_as_the_next_sentence_begins():
    speakable = Speakable()
    assert speakable.push("Hello! ") == []
    assert speakable.push("H") == ["Hello! "]


def test_the_first_piece_ends_at_the_first_clause():
    assert (
        cut("Let me see, there is a table free at the window, and another one near the door.")[0]
        == "Let me see, "
    )


def test_a_clause_of_one_syllable_is_not_worth_a_piece():
    assert cut("Hi, Bob, let me see what I can find.")[0] == "Hi, Bob, "


def test_text_without_punctuation_starts_after_about_eleven_words():
    first, *_ = cut(
        "we can certainly book a table for you and your family tonight at the place you like so much"
    )
    assert 8 <= len(first.split()) <= 12
    assert first.endswith(" ")


def test_pieces_without_punctuation_stay_bounded():
    pieces = cut("word " * 1000)
    assert len(pieces) > 20
    assert max(map(len, pieces)) <= 400


def test_later_pieces_are_longer():
    pieces = cut("Yes, we can do that for you, on any day, at any time, in any place and in any way. " * 3)
    assert len(pieces[0]) < len(pieces[1]) < len(pieces[2])


@pytest.mark.parametrize(
    "whole",
    [
        "3.5",
        "1,000",
        "1,234,567.89",
        "3:45",
        "10.30",
        "Dr. Smith",
        "e.g. pears",
        "U.S. mail",
        "J. R. Smith",
        "at 5 p.m. tomorrow",
        "No. 5",
        "p. 12",
        "https://example.com/a,b?c=d.e",
        "first.last@example.co.uk",
        "example.com",
        "12：30",
        "555 123 4567",
        "3 000 000",
        "word...word",
    ],
)
def test_it_never_cuts_inside(whole: str):
    # Every length before it, so that every limit falls on it once.
    for words in range(1, 60):
        text = "so " * words + whole + " and that is that."
        assert sum(whole in piece for piece in cut(text)) == 1, text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('He said "no." Then he left.', 'He said "no." '),
        ("It works (really!). Then it stops.", "It works (really!). "),
        ("So do I. They do too.", "So do I. "),
        ("No. I don't think so.", "No. "),
        ("**Done.** What next?", "**Done.** "),
        ("Wait... now go on with it.", "Wait... "),
        ("One moment — I am looking.", "One moment — "),
        ("A long word—another one.", "A long word—"),
        ("A title\nAnd its text", "A title\n"),
        ("你好。今天天气很好。", "你好。"),
        ("他说「好。」然后走了。", "他说「好。」"),
        ("नमस्ते। आप कैसे हैं?", "नमस्ते। "),
        ("مرحبا؟ كيف حالك", "مرحبا؟ "),
    ],
)
def test_a_piece_ends_after(text: str, first: str):
    assert cut(text)[0] == first


def test_chinese_without_punctuation_stays_bounded():
    assert max(map(len, cut("好" * 1000))) <= 150


def test_the_number_of_a_list_stays_with_its_text():
    assert cut("1. Open the page.\n2. Press the button that you see there.") == [
        "1. Open the page.\n",
        "2. Press the button that you see there.",
    ]


@pytest.mark.parametrize("marks", ["***", "...", "- - -", "🙂", "\n\n", " \n```\n"])
def test_marks_join_the_text_beside_them(marks: str):
    assert cut(f"{marks} Hello there.") == [f"{marks} Hello there."]
    assert cut(f"Hello there. {marks}") == [f"Hello there. {marks}"]


def test_marks_alone_are_the_only_piece():
    assert cut("... ***") == ["... ***"]


def test_nothing_gives_nothing():
    assert cut("") == []


@settings(deadline=None)
@given(TEXTS)
def test_pieces_join_to_the_text(text: str):
    assert "".join(cut(text)) == text


@settings(deadline=None)
@given(TEXTS, st.integers(1, 7))
def test_pieces_do_not_depend_on_the_deltas(text: str, size: int):
    assert cut(text, size=size) == cut(text)


@settings(deadline=None)
@given(TEXTS)
def test_every_piece_has_something_to_say(text: str):
    pieces = cut(text)
    assert len(pieces) <= 1 or all(any(char.isalnum() for char in piece) for piece in pieces)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab1 好."), max_size=3000).map(lambda text: " ".join(text.split())))
def test_no_piece_is_endless(text: str):
    assert all(len(piece) <= 701 for piece in cut(text))


@pytest.mark.parametrize("text", ["word ", "word", "- ", "a. ", "好", "1 "])
def test_the_work_is_linear(text: str):
    def seconds(repeats: int) -> float:
        start = time.process_time()
        cut(text * repeats, size=4)
        return time.process_time() - start

    seconds(1000)
    assert seconds(40_000) < 40 * max(seconds(4_000), 0.002)
