"""What a session cost and why: the lines of its usage, added up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.usage.models import Kind, UsageLine

# In the order of a conversation.
_PARTS = (Kind.TRANSPORT, Kind.CONNECTION, Kind.TRANSCRIPTION, Kind.RESPONSE, Kind.TOOL, Kind.SPEECH)


@dataclass(slots=True)
class Line:
    """What one model used of one unit at one rate: `unit_price` dollars for `per` units."""

    model: str
    unit: str
    unit_price: Decimal
    per: int
    quantity: int = 0
    price_micro: int = 0
    is_priced: bool = True
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    lines: Sequence[Line]

    @property
    def price_micro(self) -> int:
        return sum(line.price_micro for line in self.lines)


def costs_of(used: Iterable[UsageLine]) -> Sequence[Part]:
    """What nobody has a price for is there, too, and costs nothing."""
    parts: dict[str, dict[tuple[object, ...], Line]] = {kind: {} for kind in _PARTS}
    for each in used:
        line = parts[each.kind].setdefault(
            (each.model, each.unit, each.unit_price, each.per),
            Line(
                each.model, each.unit, each.unit_price or Decimal(0), each.per or 1, is_priced=each.is_priced
            ),
        )
        line.quantity += each.quantity
        line.price_micro += each.price_micro
        line.estimated |= each.estimated
    return [Part(kind.label, list(parts[kind].values())) for kind in _PARTS if parts[kind]]
