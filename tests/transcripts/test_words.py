"""When words are said, where nobody told."""

import pytest

from apps.transcripts.words import spread, timed


def test_time_goes_by_as_text_does() -> None:
    assert spread("ab cd ef", 0, 800) == [(0, 200, "ab"), (300, 500, "cd"), (600, 800, "ef")]


def test_digits_take_as_long_as_the_words_they_are_spoken_as() -> None:
    text = "My number is 415-555-0132 today"
    number = spread(text, 0, 7_000)[3]
    spoken = "My number is four one five, five five five, zero one three two today"
    start, end = spoken.index("four"), spoken.index(" today")
    assert number[0] == pytest.approx(7_000 * start / len(spoken), abs=300)
    assert number[1] == pytest.approx(7_000 * end / len(spoken), abs=300)


def test_the_signs_of_an_address_are_said() -> None:
    address = spread("Mail jo@example.com today", 0, 1_000)[1]
    assert address[1] - address[0] > 1_000 * len("jo@example.com") / len("Mail jo@example.com today")


def test_a_part_of_a_text_is_said_when_it_is_in_the_whole() -> None:
    whole = timed("one two three", [(0, 0), (1_300, 13)], float)
    assert timed("one two three", [(0, 0), (1_300, 13)], float, 4, 7) == whole[1:2] == [(400, 700, "two")]
