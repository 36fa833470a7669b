"""When each word of a text is said, as far as that is known."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from apps.transcripts.entries import Word

Moment = tuple[float, int]
"""A time in ms, and the length of the text that is said by then."""

# Scripts that are written without spaces are cut at each character.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_DIGIT = 5  # letters that take as long to be said
_SIGN = 4
_SPOKEN = frozenset("@._/+%&=#")
_WORD = re.compile(rf"[{_ALONE}][^\s\w]*|[^\s{_ALONE}]+")


def words_in(text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends, in characters; its punctuation belongs to it."""
    for found in _WORD.finditer(text):
        yield found.span()


def word_count(text: str) -> int:
    return sum(1 for _ in words_in(text))


def timed(
    text: str,
    moments: Sequence[Moment],
    at: Callable[[float], float],
    start: int = 0,
    end: int | None = None,
) -> list[Word]:
    """The words from one character to before another of a text that is said along these moments, which ascend;
    between them time goes by as the text takes to be said. `at` makes ms of the session of their ms."""
    taken = list(accumulate((_takes(text, index) for index in range(len(text))), initial=0))
    lengths = [taken[min(length, len(text))] for _, length in moments]

    def time_of(character: int) -> int:
        return round(at(_time_of(taken[start + character], moments, lengths)))

    part = text[start:end]
    return [(time_of(first), time_of(after), part[first:after]) for first, after in words_in(part)]


def spread(text: str, start: float, end: float) -> list[Word]:
    """Evenly over a stretch of time."""
    return timed(text, [(start, 0), (max(start, end), len(text))], lambda ms: ms)


def _takes(text: str, index: int) -> int:
    """How long one character takes to be said, in letters: a digit is a word, and so are signs in the midst of what
    is no word, like an address."""
    character = text[index]
    if character.isdigit():
        return _DIGIT
    is_within = 0 < index < len(text) - 1 and text[index - 1].isalnum() and text[index + 1].isalnum()
    return _SIGN if is_within and character in _SPOKEN else 1


def _time_of(length: int, moments: Sequence[Moment], lengths: Sequence[int]) -> float:
    after = min(max(bisect_right(lengths, length), 1), len(moments) - 1)
    start, end = moments[after - 1][0], moments[after][0]
    before, by_then = lengths[after - 1], lengths[after]
    if by_then <= before:
        return end
    return start + (end - start) * (min(max(length, before), by_then) - before) / (by_then - before)
