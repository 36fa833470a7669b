"""What a tenant charges its customers: the price of each line, and a markup on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WHOLE_BP = 10_000  # 100 %


@dataclass(frozen=True, slots=True)
class Markup:
    """`markup_bp`, in 1/100 %, is added to what is used from `valid_from` on."""

    valid_from: datetime
    markup_bp: int


def resale_micro(price_micro: int, markup_bp: int) -> int:
    """What a line is charged at, in micro-dollars, rounded half up. So what is charged for many lines is the sum of
    what each is charged at, and never a product of sums."""
    return (price_micro * (WHOLE_BP + markup_bp) + WHOLE_BP // 2) // WHOLE_BP


def markup_at(markups: Sequence[Markup], at: datetime) -> int:
    """The one that holds then, of some in the order of time: the latest that is valid; before all of them the
    first."""
    held = [markup for markup in markups if markup.valid_from <= at] or markups[:1]
    return held[-1].markup_bp
