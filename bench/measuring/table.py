"""Results, and the one table they are printed as."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One result. `budget` is what it must stay below, or above with `at_least`; None for what has no budget."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.budget is None:
            return True
        return self.value >= self.budget if self.at_least else self.value <= self.budget

    def cells(self) -> tuple[str, str, str, str]:
        if self.budget is None:
            return self.name, f"{number(self.value)} {self.unit}", "", ""
        limit = f"{'>=' if self.at_least else '<='} {number(self.budget)}"
        return self.name, f"{number(self.value)} {self.unit}", limit, "yes" if self.met else "NO"


def number(value: float) -> str:
    """Three digits that matter, as people write them."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def render(rows: Sequence[Row]) -> str:
    cells = [("measurement", "value", "budget", "met"), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {budget:>{widths[2]}}  {met}".rstrip()
        for name, value, budget, met in cells
    ]
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed (nearest rank). Raises ValueError without values."""
    if not values:
        raise ValueError("Nothing was measured: see the log of the platform for why.")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def median(values: Sequence[float]) -> float:
    return percentile(values, 50)
