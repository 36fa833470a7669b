"""From what is used to what is billed: what the operator pays for it, and what its tenant pays the operator."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from antiphon.metering.rates import Line, Priced, Rate, RateCard, Unpriced, micro_dollars
from antiphon.providers.base.usage import Quantities, Unit

BASIS_POINTS = 10_000
OWN_CREDENTIAL = "own-credential"
"""The rate of what a tenant's provider bills the tenant itself for, and the operator nobody."""


class PriceRules(Struct, frozen=True):
    """How the operator's prices come from its costs: by `markup_bp` hundredths of a percent, unless its `own` card
    has a rate for that unit of that model. `byo` has what is billed for models that a tenant reaches with a
    credential of its own; without it, nothing is."""

    markup_bp: int = 0
    own: RateCard | None = None
    byo: RateCard | None = None


NO_MARKUP = PriceRules()


class BilledLine(Struct, frozen=True):
    """A quantity, what the operator pays for it and what the tenant is billed: `unit_price` dollars for `per`
    units, by the rate `rate_id`, frozen as it was."""

    unit: Unit
    quantity: int
    rate_id: str
    unit_price: Decimal
    per: int
    cost_micro: int
    price_micro: int


class Billed(Struct, frozen=True):
    lines: tuple[BilledLine, ...]
    unpriced: tuple[Unpriced, ...] = ()
    estimated: bool = False


def billed(
    model: str,
    quantities: Quantities,
    at: float,
    *,
    rates: RateCard,
    rules: PriceRules = NO_MARKUP,
    own_credential: bool = False,
) -> Billed:
    """What quantities of a model (`provider/model`) come to at a time in ms since 1970. `rates` is what vendors
    list; with the tenant's `own_credential` they bill the tenant: nothing is a cost then, and nothing unpriced."""
    listed = rates.price(model, quantities, at)
    if own_credential:
        lines = tuple(_brought(model, listed, at, rules.byo))
        return Billed(lines, estimated=listed.estimated)
    own = rules.own.rates_of(model, at) if rules.own else {}
    lines = tuple(_line(line, own.get(line.unit), rules.markup_bp) for line in listed.lines)
    unpriced = []
    for used in listed.unpriced:
        if rules.own and (rate := rules.own.find(model, used.unit, at)):
            lines += (_at_rate(used.unit, used.quantity, rate, cost_micro=0),)
        else:
            unpriced.append(used)
    return Billed(lines, tuple(unpriced), listed.estimated)


def marked_up(cost_micro: int, markup_bp: int) -> int:
    """Rounded half up to a micro-dollar."""
    return (2 * cost_micro * (BASIS_POINTS + markup_bp) + BASIS_POINTS) // (2 * BASIS_POINTS)


def _line(line: Line, own: Rate | None, markup_bp: int) -> BilledLine:
    if own is not None:
        return _at_rate(line.unit, line.quantity, own, cost_micro=line.price_micro)
    return BilledLine(
        unit=line.unit,
        quantity=line.quantity,
        rate_id=line.rate_id,
        unit_price=_dearer(line.unit_price, markup_bp),
        per=line.per,
        cost_micro=line.price_micro,
        price_micro=marked_up(line.price_micro, markup_bp),
    )


def _brought(model: str, listed: Priced, at: float, byo: RateCard | None) -> Iterator[BilledLine]:
    everything: tuple[Line | Unpriced, ...] = (*listed.lines, *listed.unpriced)
    for used in everything:
        if byo and (rate := byo.find(model, used.unit, at)):
            yield _at_rate(used.unit, used.quantity, rate, cost_micro=0)
        else:
            yield BilledLine(used.unit, used.quantity, OWN_CREDENTIAL, Decimal(0), 1, 0, 0)


def _at_rate(unit: Unit, quantity: int, rate: Rate, *, cost_micro: int) -> BilledLine:
    price = micro_dollars(quantity, rate.price, rate.per)
    return BilledLine(unit, quantity, rate.id, rate.price, rate.per, cost_micro, price)


def _dearer(unit_price: Decimal, markup_bp: int) -> Decimal:
    """Exact: the places of a price are few."""
    if not markup_bp:
        return unit_price
    return (unit_price * (BASIS_POINTS + markup_bp) / BASIS_POINTS).normalize()
