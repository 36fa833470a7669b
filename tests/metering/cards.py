"""Rates of a test's own."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase

from antiphon.metering.rates import Rate, RateCard
from antiphon.providers.base.usage import Unit


class _Layer:
    def __init__(self, rates: Sequence[Rate]) -> None:
        self._rates = rates

    def rates_of(self, provider: str, model: str) -> Sequence[Rate]:
        return [rate for rate in self._rates if rate.provider == provider and fnmatchcase(model, rate.model)]


def card(*rates: Rate) -> RateCard:
    return RateCard(_Layer(rates))


def rate(model: str, unit: Unit, price: str, per: int) -> Rate:
    """`model` is `provider/model`, and may have wildcards."""
    provider, _, name = model.partition("/")
    return Rate(
        id=f"{model}:{unit}",
        provider=provider,
        model=name,
        unit=unit,
        price=Decimal(price),
        per=per,
        valid_from=None,
        valid_to=None,
        source="made up for a test",
        checked=date(2026, 11, 23),
    )
