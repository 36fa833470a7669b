"""How fast models are, in counts that processes can add up."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

_FIRST_BIN_MS = 10.0
_RATIO = 1.1  # between the bounds of a bin: estimates are up to a tenth too high
_BINS = tuple(f"first:{number}" for number in range(92))  # the last one from about a minute on
_BOUNDS = tuple(_FIRST_BIN_MS * _RATIO**number for number in range(len(_BINS)))

CALLS, ERRORS, SLOW = "calls", "errors", "slow"  # calls that told something of the model's health
OVERTAKEN = "overtaken"  # calls whose hedge was faster: when their first word would have come is not known
TOKENS, TOKENS_MS = "tokens", "tokens_ms"  # and the time they took

Counts = Counter[str]


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds until the first word, as far as known, and tokens a second after it.

    `p50_ms` and `p90_ms` count the calls that a hedge overtook as endless, and may be infinite; `p95_ms` is of
    those calls alone that spoke.
    """

    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    tokens_per_second: float | None = None

    def words_ms(self, first_ms: float | None) -> float | None:
        """When there are enough words to speak, if the first one comes after `first_ms`."""
        if first_ms is None:
            return None
        rate = self.tokens_per_second
        return first_ms + (1000 * FIRST_WORDS / rate if rate else 0.0)


FIRST_WORDS = 8  # tokens: what a voice begins with
_LEAST_CALLS = 5  # fewer tell nothing


def count_first_word(counts: Counts, first_ms: float) -> None:
    counts[_bin_of(first_ms)] += 1


def speed(parts: Iterable[Counts]) -> Speed:
    """Of counts that are to be added up."""
    counts = Counts()
    for part in parts:
        counts.update(part)
    spoke = sum(counts.get(name, 0) for name in _BINS)
    calls = spoke + counts[OVERTAKEN]
    if calls < _LEAST_CALLS:
        return Speed()
    rate = 1000 * counts[TOKENS] / counts[TOKENS_MS] if counts[TOKENS_MS] else None
    p50, p90, p95 = _quantiles(counts, 0.5 * calls, 0.9 * calls, 0.95 * spoke)
    return Speed(p50_ms=p50, p90_ms=p90, p95_ms=p95 if spoke else None, tokens_per_second=rate)


def _bin_of(ms: float) -> str:
    if ms <= _FIRST_BIN_MS:
        return _BINS[0]
    return _BINS[min(1 + int(math.log(ms / _FIRST_BIN_MS) / math.log(_RATIO)), len(_BINS) - 1)]


def _quantiles(counts: Counts, *ranks: float) -> Sequence[float]:
    """The upper bounds of the bins in which these ranks are; infinite beyond the last."""
    totals = list(accumulate(counts.get(name, 0) for name in _BINS))
    places = (bisect_left(totals, rank) for rank in ranks)
    return [_BOUNDS[place] if place < len(_BINS) else math.inf for place in places]
