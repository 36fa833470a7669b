"""What was billed, by day and in one way to tell it apart. Read from the sums of usage, which equal its records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.db.models import Sum

from apps.reports.kinds.naming import Naming
from apps.reports.parameters import GROUPS, Wanted
from apps.reports.tables import Chart, Column, Row, Section, Shows, fixed
from apps.usage.breakdowns import sums_of
from apps.usage.models import Kind

_COLUMN_OF = {
    "model": "model",
    "kind": "kind",
    "agent": "agent_version_id",
    "api_key": "api_key_id",
    "customer": "customer_id",
}
_NONE = {"agent": "No agent", "api_key": "No API key", "customer": "No customer"}
_MOST_SERIES = 6
_MICRO = 1_000_000


class _Cost:
    """What a group came to on a day, or in all."""

    __slots__ = ("estimated", "price", "records", "unpriced")

    def __init__(self) -> None:
        self.records = self.price = self.estimated = self.unpriced = 0

    def add(self, records: int, price: int, estimated: int, unpriced: int) -> None:
        self.records += records
        self.price += price
        self.estimated += estimated
        self.unpriced += unpriced

    @property
    def cells(self) -> Row:
        return self.records, self.price, self.estimated, self.unpriced


_SUMS = (
    Column("Records", Shows.INTEGER, is_summed=True),
    Column("Price", Shows.MONEY, 1.2, is_summed=True),
    Column("Estimated part", Shows.MONEY, 1.2, is_summed=True),
    Column("Without a price", Shows.INTEGER, is_summed=True),
)


def sections(wanted: Wanted, naming: Naming) -> list[Section]:
    """By group, by day, and by both; the last is the CSV's table."""
    label, called = GROUPS[wanted.kind][wanted.group], _names(wanted.group, naming)
    days: dict[date, _Cost] = defaultdict(_Cost)
    groups: dict[str, _Cost] = defaultdict(_Cost)
    both: dict[tuple[date, str], _Cost] = defaultdict(_Cost)
    for day, key, *sums in _sums(wanted):
        name = called(key)
        for cost in (days[day], groups[name], both[day, name]):
            cost.add(*sums)
    total = sum(cost.price for cost in groups.values())
    ordered = sorted(groups.items(), key=lambda each: (-each[1].price, each[0]))
    by_group = [(name, *cost.cells, 100 * cost.price / total if total else 0.0) for name, cost in ordered]
    by_day = [(day, *cost.cells) for day, cost in sorted(days.items())]
    by_both = [(day, name, *cost.cells) for (day, name), cost in sorted(both.items())]
    chart = _chart(wanted, label, [name for name, _ in ordered], both)
    day, group = Column("Day", Shows.DATE), Column(label, width=2.6)
    share = Column("Share", Shows.PERCENT, 0.8)
    return [
        Section(f"By {_lower(label)}", [group, *_SUMS, share], fixed(by_group), len(by_group), in_csv=False),
        Section("By day", [day, *_SUMS], fixed(by_day), len(by_day), chart=chart, in_csv=False),
        Section(f"By day and {_lower(label)}", [day, group, *_SUMS], fixed(by_both), len(by_both)),
    ]


def _sums(wanted: Wanted) -> Iterable[Any]:
    found = sums_of(wanted.period, wanted.only, hourly=False).order_by()
    rows = found.values_list("day", _COLUMN_OF[wanted.group])
    sums: Iterable[Any] = rows.annotate(
        Sum("records"), Sum("price_micro"), Sum("estimated_micro"), Sum("unpriced")
    )
    return sums


def _names(group: str, naming: Naming) -> Callable[[Any], str]:
    calls: Mapping[str, Callable[[Any], str]] = {
        "kind": lambda kind: Kind(kind).label,
        "agent": lambda id: naming.agent(id)[0],
        "api_key": naming.key,
        "customer": naming.customer,
    }
    call = calls.get(group, str)
    return lambda key: call(key) or _NONE.get(group, "")


def _chart(
    wanted: Wanted, label: str, names: list[str], both: Mapping[tuple[date, str], _Cost]
) -> Chart | None:
    """A bar for each day; beyond the dearest groups they are one."""
    period = wanted.period
    days = [period.first + n * timedelta(days=1) for n in range(period.days)]
    shown, others = (names[:_MOST_SERIES], names[_MOST_SERIES:])

    def course(some: list[str]) -> list[float]:
        return [sum(both[day, name].price for name in some if (day, name) in both) / _MICRO for day in days]

    series = [(name, course([name])) for name in shown]
    if others:
        series.append((f"{len(others)} others", course(others)))
    if not series:
        return None
    return Chart(
        f"Price of each day by {_lower(label)}", [day.isoformat() for day in days], series, shows=Shows.MONEY
    )


def _lower(label: str) -> str:
    return label if label.startswith("API") else label.lower()
