"""What a session cost and why, read from the usage records in its log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.conversations.models import SessionEvent

TYPES = ("usage",)
_PARTS = {
    "connection": "Connection",
    "transcription": "Speech to text",
    "response": "Language model",
    "speech": "Text to speech",
    "tool": "Tools",
    "transport": "Time connected",
}


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


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    lines: Sequence[Line]

    @property
    def price_micro(self) -> int:
        return sum(line.price_micro for line in self.lines)


def costs_of(events: Iterable[SessionEvent]) -> Sequence[Part]:
    """From the events of TYPES. What nobody has a price for is there, too, and costs nothing."""
    parts: dict[str, dict[tuple[str, str, str], Line]] = {kind: {} for kind in _PARTS}
    for event in events:
        model, lines = event.body["model"], parts[event.body["kind"]]
        for used in [*event.body["lines"], *event.body["unpriced"]]:
            price = used.get("unit_price")
            line = lines.setdefault(
                (model, used["unit"], str(price)),
                Line(
                    model, used["unit"], Decimal(price or 0), used.get("per", 1), is_priced=price is not None
                ),
            )
            line.quantity += used["quantity"]
            line.price_micro += used.get("price_micro", 0)
    return [Part(_PARTS[kind], list(lines.values())) for kind, lines in parts.items() if lines]
