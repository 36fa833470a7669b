"""How long to wait in a pause before a semantic turn counts as over.

For a pause whose end is memoryless the best wait, at a given price of cutting somebody off, grows with the log odds
that the speaker goes on; words are one more piece of evidence, and add to those odds. Square, because real pauses
have a long tail: the longest waits are for those who surely have not finished. The numbers were chosen on the
development half of `bench/turn_taking`.
"""

import math
from collections.abc import Callable, Mapping

from antiphon.engine.wording import Wording
from antiphon.protocol.session import Eagerness

LONGEST_WAIT_MS: Mapping[Eagerness, int] = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}

Patience = Callable[[float, Wording, Eagerness], int]

# Log odds from which a turn is surely over; below their negative it surely is not.
_SURE = math.log(0.99 / 0.01)
_LEAST_PROBABILITY = 1e-6
_EVIDENCE: Mapping[Wording, float] = {  # log odds
    Wording.UNFINISHED: -2.5,
    Wording.SAYS_NOTHING: 0.0,
    Wording.COMPLETE: 1.0,
}


def patience(probability: float, wording: Wording, eagerness: Eagerness) -> int:
    """Milliseconds of silence that end a turn which is finished with `probability`, by how it sounds.

    Never longer for a higher probability: from 200 ms with high eagerness, 300 with medium, 500 with low, up to
    the longest wait of each.
    """
    return wait_ms(doubt(probability, wording), LONGEST_WAIT_MS[eagerness])


def wait_ms(doubt: float, longest_ms: int) -> int:
    """For one who waits up to `longest_ms`; even the surest end is given a twentieth of that, and 100 ms."""
    shortest_ms = 100 + longest_ms / 20
    return round(shortest_ms + (longest_ms - shortest_ms) * doubt)


def doubt(probability: float, wording: Wording) -> float:
    """From 0, the turn is surely over, to 1, it surely is not."""
    probability = min(max(probability, _LEAST_PROBABILITY), 1 - _LEAST_PROBABILITY)
    odds = math.log(probability / (1 - probability)) + _EVIDENCE[wording]
    return float(min(max((_SURE - odds) / (2 * _SURE), 0.0), 1.0) ** 2)
