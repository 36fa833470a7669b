"""How fast models are, in counts that processes can add up."""

import math
from collections import Counter
from dataclasses import dataclass

_FIRST_BIN_MS = 10.0
_RATIO = 1.1  # between the bounds of a bin: estimates are up to a tenth too high
_LAST_BIN = 91  # from about a minute on

CALLS, ERRORS, SLOW = "calls", "errors", "slow"  # calls that told something of the model's health
OVERTAKEN = "overtaken"  # calls whose hedge was faster: when their first word would have come is not known
TOKENS, TOKENS_MS = "tokens", "tokens_ms"  # and the time they took
_BIN = "first:"

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
    counts[f"{_BIN}{_bin_of(first_ms)}"] += 1


def speed(counts: Counts) -> Speed:
    bins = {int(name.removeprefix(_BIN)): n for name, n in counts.items() if name.startswith(_BIN)}
    spoke, overtaken = sum(bins.values()), counts[OVERTAKEN]
    if spoke + overtaken < _LEAST_CALLS:
        return Speed()
    rate = 1000 * counts[TOKENS] / counts[TOKENS_MS] if counts[TOKENS_MS] else None
    return Speed(
        p50_ms=_quantile(bins, 0.5 * (spoke + overtaken)),
        p90_ms=_quantile(bins, 0.9 * (spoke + overtaken)),
        p95_ms=_quantile(bins, 0.95 * spoke) if spoke else None,
        tokens_per_second=rate,
    )


def _bin_of(ms: float) -> int:
    if ms <= _FIRST_BIN_MS:
        return 0
    return min(1 + int(math.log(ms / _FIRST_BIN_MS) / math.log(_RATIO)), _LAST_BIN)


def _quantile(bins: dict[int, int], rank: float) -> float:
    """The upper bound of the bin in which this rank is; infinite beyond the last."""
    seen = 0
    for number in sorted(bins):
        seen += bins[number]
        if seen >= rank:
            return _FIRST_BIN_MS * float(_RATIO**number)
    return math.inf
