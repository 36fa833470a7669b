"""What a unit costs, from when to when. Prices are decimals and amounts whole micro-dollars: never floats."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct

from antiphon.providers.base.usage import UNITS, Quantities, Unit

INSTEAD: Mapping[Unit, tuple[Unit, ...]] = MappingProxyType(
    {
        "cached_text_token": ("input_text_token",),
        "cache_write_token": ("input_text_token",),
        "input_image_token": ("input_text_token",),
        "reasoning_token": ("output_text_token",),
        "cached_audio_token": ("input_audio_token",),
    }
)
"""Where a model has no rate of its own for a unit, the first of these that it has: vendors bill what they list no
discount for in full. Audio never falls back to text, which is several times cheaper."""

_MICRO = 1_000_000
_REMEMBERED = 1024  # models and days whose rates are kept at hand


class Rate(Struct, frozen=True):
    """`price` US dollars for `per` units of the provider's models that `model` matches ("*" stands for anything).

    Valid from the first moment of `valid_from` (None: always) until that of `valid_to`, in UTC. `estimate` says
    that the vendor bills by something else, which it does not always report; `note` says what the price leaves out.
    """

    id: str
    provider: str
    model: str
    unit: Unit
    price: Decimal
    per: int
    valid_from: date | None
    valid_to: date | None
    source: str
    checked: date  # when somebody, or a program, compared it with the source
    estimate: bool = False
    note: str = ""

    def is_valid(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )


class Layer(Protocol):
    """One source of rates: what vendors list, or what somebody agreed on with them."""

    def rates_of(self, provider: str, model: str) -> Sequence[Rate]:
        """All rates of the one price list that fits the model best, whenever they are valid; none if none does."""


class Line(Struct, frozen=True):
    """A quantity and what it comes to, with the rate frozen as it was."""

    unit: Unit
    quantity: int
    rate_id: str
    unit_price: Decimal  # dollars, of `per` units
    per: int
    price_micro: int


class Unpriced(Struct, frozen=True):
    """A quantity that somebody will be billed for, and nobody knows how much. An alarm, never free."""

    unit: Unit
    quantity: int


class Priced(Struct, frozen=True):
    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...] = ()
    estimated: bool = False

    @property
    def price_micro(self) -> int:
        return sum(line.price_micro for line in self.lines)


class RateCard:
    """Layers of rates. For each unit the first layer that has a rate decides."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers
        self._valid = lru_cache(maxsize=_REMEMBERED)(self._valid_rates)

    def rates_of(self, model: str, at: float) -> Mapping[Unit, Rate]:
        """What is valid for the model (`provider/model`) at a time in ms since 1970, without fallbacks."""
        return self._valid(model, _day(at))

    def rates_from(self, model: str, at: float) -> Sequence[Rate]:
        """What is valid at that time, and what begins later; by unit, the earliest first."""
        day = _day(at)
        later = [
            rate
            for layer in self._layers
            for rate in _not_over(layer, model, day)
            if rate.valid_from is not None and rate.valid_from > day
        ]
        found = [*self._valid(model, day).values(), *later]
        return sorted(found, key=lambda rate: (UNITS.index(rate.unit), rate.valid_from or date.min))

    def find(self, model: str, unit: Unit, at: float) -> Rate | None:
        """The rate that a unit is billed at, which may be that of another unit (see INSTEAD)."""
        return _find(self.rates_of(model, at), unit)

    def price(self, model: str, quantities: Quantities, at: float) -> Priced:
        """Each quantity that the vendor bills, rounded half up to a micro-dollar once.

        Quantities are measured in more ways than a vendor bills by (a recording has a length, even where tokens are
        billed): one without a rate is unpriced only if nothing else was priced, or if it counts tokens and the
        others that have a price do, too. Tokens of a model that is billed by the hour are none of these. Every use
        is also a request; that is never unpriced.
        """
        rates = self.rates_of(model, at)
        found = [(unit, quantity, _find(rates, unit)) for unit, quantity in quantities.items()]
        exact = [(u, q, rate) for u, q, rate in found if rate is not None and not rate.estimate]
        billed = exact or [(u, q, rate) for u, q, rate in found if rate is not None]
        by_token = any(_is_token(unit) for unit, _, _ in billed)

        def is_free(unit: Unit) -> bool:
            if _is_token(unit) and by_token:
                return False
            return bool(billed) or unit == "request" or (_is_token(unit) and "session_ms" in rates)

        unpriced = [
            Unpriced(unit, quantity) for unit, quantity, rate in found if rate is None and not is_free(unit)
        ]
        return Priced(
            tuple(_line(unit, quantity, rate) for unit, quantity, rate in billed),
            tuple(unpriced),
            estimated=any(rate.estimate for _, _, rate in billed),
        )

    def _valid_rates(self, model: str, day: date) -> Mapping[Unit, Rate]:
        valid: dict[Unit, Rate] = {}
        for layer in self._layers:
            for rate in _not_over(layer, model, day):
                if rate.is_valid(day):
                    valid.setdefault(rate.unit, rate)
        return MappingProxyType(valid)


def micro_dollars(quantity: int, price: Decimal, per: int) -> int:
    """What a quantity costs at `price` dollars for `per`, rounded half up. Exact: in whole numbers throughout."""
    numerator, denominator = _ratio(price)
    divisor = denominator * per
    return (2 * quantity * numerator * _MICRO + divisor) // (2 * divisor)


@lru_cache(maxsize=_REMEMBERED)
def _ratio(price: Decimal) -> tuple[int, int]:
    return price.as_integer_ratio()


def _day(at: float) -> date:
    return datetime.fromtimestamp(at / 1000, UTC).date()


def _not_over(layer: Layer, model: str, day: date) -> Iterator[Rate]:
    provider, _, name = model.partition("/")
    return (r for r in layer.rates_of(provider, name) if r.valid_to is None or day < r.valid_to)


def _find(rates: Mapping[Unit, Rate], unit: Unit) -> Rate | None:
    for candidate in (unit, *INSTEAD.get(unit, ())):
        if candidate in rates:
            return rates[candidate]
    return None


def _line(unit: Unit, quantity: int, rate: Rate) -> Line:
    return Line(
        unit=unit,
        quantity=quantity,
        rate_id=rate.id,
        unit_price=rate.price,
        per=rate.per,
        price_micro=micro_dollars(quantity, rate.price, rate.per),
    )


def _is_token(unit: Unit) -> bool:
    return unit.endswith("_token")
