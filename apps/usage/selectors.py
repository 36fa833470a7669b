import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import cast, get_args

from antiphon.metering.price_files import list_prices
from antiphon.metering.rates import Rate
from antiphon.providers.catalogue import loader
from antiphon.providers.catalogue.entries import Entry, Kind, Lifecycle

KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model of the catalogue as it is today, with the rates of today and those to come."""

    entry: Entry
    lifecycle: Lifecycle
    rates: Sequence[Rate]
    today: date

    @property
    def current_rates(self) -> list[Rate]:
        return [rate for rate in self.rates if rate.is_valid(self.today)]


def listed_models(
    *, kind: str | None = None, provider: str | None = None, text: str = ""
) -> list[ListedModel]:
    """By name. `text` is part of the name; what is None is not asked for."""
    now = time.time() * 1000
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    return [
        ListedModel(entry, entry.lifecycle_on(today), list_prices().rates_from(entry.name, now), today)
        for entry in loader.entries(kind=cast(Kind | None, kind), provider=provider)
        if text.lower() in entry.name.lower()
    ]
