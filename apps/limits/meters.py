"""GCRA, the generic cell rate algorithm: a bucket of `burst` tokens that one more flows into at each interval.

All there is to keep is the time at which the bucket will be full again (the theoretical arrival time of ITU-T
I.371). `scripts.TAKE` does the same in Valkey.
"""

import math
from dataclasses import dataclass

_ROUNDING = 1e-6  # a token that is there but for the rounding of times is there


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` tokens in `seconds`, and as many at once: at most `limit * (t / seconds + 1)` in any time t."""

    limit: int
    seconds: float = 1.0

    @property
    def interval(self) -> float:
        """Seconds for one token."""
        return self.seconds / self.limit


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for tokens. With none granted, one can be had in `wait` seconds; `remaining` are left of
    `limit`, which are all there again in `reset` seconds."""

    granted: int
    wait: float
    limit: int
    remaining: int
    reset: float


def take(rate: Rate, full_at: float, wanted: int, now: float) -> tuple[Taken, float]:
    """Up to `wanted` tokens from a bucket that is full again at `full_at`, and when it then will be. The times are
    seconds of any steady clock."""
    full_at = min(max(full_at, now), now + rate.seconds)
    level = rate.limit - (full_at - now) / rate.interval
    granted = min(wanted, math.floor(level + _ROUNDING))
    full_at += granted * rate.interval
    left = level - granted
    wait = 0.0 if granted else (1 - left) * rate.interval
    return Taken(granted, wait, rate.limit, max(0, math.floor(left + _ROUNDING)), full_at - now), full_at


def process_share(limit: int, processes: int) -> int:
    """What one process may allow by itself while it can't ask the others."""
    return max(1, limit // processes)
