"""Counts, as far as it is asked to; the numbers are made while they are spoken."""

import re
from collections.abc import Iterator

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.numbers import LARGEST, TooLarge, cardinal

_COUNT = re.compile(
    r"(?:start )?count(?:ing)?(?: (?:slowly|aloud|out loud|quickly|fast))?(?P<down> down"
    r"| backwards?| back)?(?: slowly| aloud| out loud)?"
    r"(?: from (?P<first>-?\d+))?(?: (?P<down_after>down|backwards?))?"
    r"(?: (?:up |down )?(?:to|until|till|through) (?P<last>-?\d+|zero))?(?: (?:by|in steps of"
    r"|in) (?P<step>\d+|tens|fives|twos|threes|hundreds)s?)?"
    r"(?: (?:slowly|aloud|out loud|quickly|fast|backwards?(?P<down_last>)))?"
)
_STEPS = {"twos": 2, "threes": 3, "fives": 5, "tens": 10, "hundreds": 100}
_PER_SENTENCE = 10


def match(utterance: Utterance, context: Context) -> Iterator[str] | str | None:
    found = _COUNT.fullmatch(utterance.digits)
    if found is None:
        return None
    down = any(found[group] is not None for group in ("down", "down_after", "down_last"))
    first = int(found["first"]) if found["first"] else None
    last = int(found["last"]) if found["last"] else None
    if down and first is None:
        first, last = (last if last is not None else 10), 1
    if first is None:
        first = 1
    if last is None:
        last = 1 if down else (10 if first < 10 else first + 10)
    step = _STEPS.get(found["step"] or "") or int(found["step"] or 1)
    if step == 0:
        return "Counting by zero would never end."
    if max(abs(first), abs(last)) > LARGEST:
        raise TooLarge("That number is too large for me to say.")
    if first == 1 and step > 1:
        first = step
    return _count(first, last, step)


def _count(first: int, last: int, step: int) -> Iterator[str]:
    """A sentence for every ten numbers, so that a voice can start before the end is known."""
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    ends = len(numbers) - 1
    for index, number in enumerate(numbers):
        word = cardinal(number)
        if index % _PER_SENTENCE == 0:
            word = word[0].upper() + word[1:]
        yield word + ("." if index == ends or index % _PER_SENTENCE == _PER_SENTENCE - 1 else ",")
