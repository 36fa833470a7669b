"""When each word of a text is said, as far as that is known."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from apps.transcripts.entries import Word

Moment = tuple[float, int]
"""A time in ms, and the length of the text that is said by then."""

# Scripts that are written without spaces are cut at each character.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_ALONE}][^\s\w]*|[^\s{_ALONE}]+")


def words_in(text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends, in characters; its punctuation belongs to it."""
    for found in _WORD.finditer(text):
        yield found.span()


def word_count(text: str) -> int:
    return sum(1 for _ in words_in(text))


def timed(text: str, moments: Sequence[Moment], at: Callable[[float], float], skipped: int = 0) -> list[Word]:
    """The words of a text that is said along these moments, which ascend; between them text and time are taken as
    proportional. `at` makes ms of the session of their ms. `skipped` characters before the text belong to it."""
    lengths = [length for _, length in moments]
    return [
        (
            round(at(_time_of(start + skipped, moments, lengths))),
            round(at(_time_of(end + skipped, moments, lengths))),
            text[start:end],
        )
        for start, end in words_in(text)
    ]


def spread(text: str, start: float, end: float) -> list[Word]:
    """Evenly over a stretch of time."""
    return timed(text, [(start, 0), (max(start, end), len(text))], lambda ms: ms)


def _time_of(length: int, moments: Sequence[Moment], lengths: Sequence[int]) -> float:
    after = min(max(bisect_right(lengths, length), 1), len(moments) - 1)
    (start, before), (end, by_then) = moments[after - 1], moments[after]
    if by_then <= before:
        return end
    return start + (end - start) * (min(max(length, before), by_then) - before) / (by_then - before)
