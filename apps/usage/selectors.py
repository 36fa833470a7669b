import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast, get_args

from django.db.models import QuerySet

from antiphon.metering.price_files import list_prices
from antiphon.metering.rates import Rate
from antiphon.providers.catalogue import loader
from antiphon.providers.catalogue.entries import Entry, Kind, Lifecycle
from apps.usage.models import UsageLine

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


def usage_lines(
    *, session_id: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[UsageLine]:
    """Of the current tenant, the latest first. `until` is not included; what is None is not asked for."""
    lines = UsageLine.objects.all()
    if session_id is not None:
        lines = lines.filter(session_id=session_id)
    if since is not None:
        lines = lines.filter(at__gte=since)
    if until is not None:
        lines = lines.filter(at__lt=until)
    return lines


@dataclass(slots=True)
class UsageSums:
    """What lines add up to, in all and for each kind, model and unit."""

    records: int = 0
    price_micro: int = 0
    estimated_micro: int = 0
    unpriced: int = 0
    _by_model: defaultdict[tuple[str, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )

    def add(self, line: UsageLine) -> None:
        self.records += 1
        self.price_micro += line.price_micro
        self.estimated_micro += line.price_micro if line.estimated else 0
        self.unpriced += not line.is_priced
        sums = self._by_model[line.kind, line.model, line.unit]
        sums[0] += line.quantity
        sums[1] += line.price_micro

    def presented(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "records": self.records,
            "price_micro": self.price_micro,
            "estimated_micro": self.estimated_micro,
            "unpriced": self.unpriced,
            "by_model": [
                {"kind": kind, "model": model, "unit": unit, "quantity": quantity, "price_micro": price}
                for (kind, model, unit), (quantity, price) in sorted(self._by_model.items())
            ],
        }
