"""The latencies of a session's turns as bars beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.conversations.latencies import Turn

_TICKS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """In percent of the whole width."""

    name: str
    ms: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    turn: Turn
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Waterfall:
    rows: Sequence[Row]
    ticks: Sequence[tuple[float, int]]  # where, in percent, and of how many ms


def waterfall_of(turns: Sequence[Turn]) -> Waterfall:
    longest = max((stage.end for turn in turns for stage in turn.stages), default=0)
    scale = 100 / longest if longest else 0.0
    rows = [
        Row(
            turn,
            [
                Bar(s.name, s.ms, round(s.start * scale, 2), max(0.3, round(s.ms * scale, 2)))
                for s in turn.stages
            ],
        )
        for turn in turns
    ]
    ticks = [(100 * n / _TICKS, round(longest * n / _TICKS)) for n in range(_TICKS + 1)]
    return Waterfall(rows, ticks)
