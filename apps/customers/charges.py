"""What customers are charged, added up from usage lines, each at the markup that held when it was used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db.models import (
    Aggregate,
    BigIntegerField,
    Case,
    Count,
    Expression,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import TruncDate

from apps.customers.models import Customer, StatementLine
from apps.customers.pricing import WHOLE_BP, Markup
from apps.usage.models import UsageDay, UsageHour, UsageLine


class Way(NamedTuple):
    """In what charges differ that are not added up."""

    day: date
    kind: str
    model: str
    unit: str
    markup_bp: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """`records` are usage lines, `unpriced` those that nobody has a price for."""

    quantity: int = 0
    records: int = 0
    unpriced: int = 0
    price_micro: int = 0
    resale_micro: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, name) + getattr(other, name) for name in AMOUNTS))

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, name) - getattr(other, name) for name in AMOUNTS))


AMOUNTS = tuple(field.name for field in fields(Amounts))
Charges = Mapping[Way, Amounts]


def total_of(charges: Charges) -> Amounts:
    """Its quantity means nothing, where units differ."""
    return sum(charges.values(), Amounts())


def markups_of(customer: Customer) -> Sequence[Markup]:
    """In the order of time."""
    return [Markup(row.valid_from, row.markup_bp) for row in customer.markups.order_by("valid_from")]


def lines_of(
    customer: Customer, *, since: datetime | None = None, before: datetime | None = None
) -> QuerySet[UsageLine]:
    """The customer's usage lines, each with its `markup_bp` and its `resale_micro`, the newest first."""
    lines = UsageLine.objects.filter(customer_id=customer.pk)
    if since is not None:
        lines = lines.filter(at__gte=since)
    if before is not None:
        lines = lines.filter(at__lt=before)
    return lines.annotate(markup_bp=_markup_at(markups_of(customer))).annotate(resale_micro=_resale())


def charges_between(customer: Customer, *, first: date, last: date) -> Charges:
    """Both days are in it."""
    return _summed(lines_of(customer, since=_start(first), before=_start(last) + timedelta(days=1)))


def charged_about(customer: Customer, *, first: date, last: date) -> Amounts:
    """What charges_between comes to in all, read from the sums by hour however many lines there are: within half a
    micro-dollar of each record, and an hour in which the markup changes counts at the markup it began with."""
    hours = UsageHour.objects.filter(
        customer_id=customer.pk, hour__gte=_start(first), hour__lt=_start(last) + timedelta(days=1)
    )
    hours = hours.annotate(markup_bp=_markup_at(markups_of(customer), "hour")).annotate(
        resale_micro=_resale()
    )
    sums = hours.order_by().aggregate(**{f"sum_{name}": Sum(name) for name in AMOUNTS})
    return Amounts(*(int(sums[f"sum_{name}"] or 0) for name in AMOUNTS))


def charges_due(customer: Customer, *, until: date) -> Charges:
    """What was used before that day and is on no statement yet.

    Sums by day tell which days have more lines than their statements: only those are read.
    """
    used = UsageDay.objects.filter(customer_id=customer.pk, day__lt=until)
    billed = StatementLine.objects.filter(statement__customer=customer)
    counted = _by_day(billed)
    days = [day for day, records in _by_day(used).items() if records != counted.get(day, 0)]
    if not days:
        return {}
    within = Q()
    for first, last in _spans(days):
        within |= Q(at__gte=_start(first), at__lt=_start(last) + timedelta(days=1))
    charged = _summed(lines_of(customer).filter(within))
    before = _grouped(billed.filter(day__in=days), {name: Sum(name) for name in AMOUNTS})
    due = {way: amounts - before.get(way, Amounts()) for way, amounts in charged.items()}
    return {way: amounts for way, amounts in due.items() if amounts.records}


def _summed(lines: QuerySet[UsageLine]) -> Charges:
    return _grouped(
        lines.annotate(day=TruncDate("at", tzinfo=UTC)),
        {
            "quantity": Sum("quantity"),
            "records": Count("id"),
            "unpriced": Count("id", filter=Q(is_priced=False)),
            "price_micro": Sum("price_micro"),
            "resale_micro": Sum("resale_micro"),
        },
    )


def _grouped(rows: QuerySet[Any], sums: Mapping[str, Aggregate]) -> Charges:
    """In the order of ways."""
    named = {f"sum_{name}": sums[name] for name in AMOUNTS}
    found = rows.order_by().values(*Way._fields).annotate(**named).order_by(*Way._fields)
    width = len(Way._fields)
    return {Way(*row[:width]): Amounts(*row[width:]) for row in found.values_list(*Way._fields, *named)}


def _by_day(rows: QuerySet[Any]) -> Mapping[date, int]:
    return dict(rows.order_by().values("day").annotate(lines=Sum("records")).values_list("day", "lines"))


def _markup_at(markups: Sequence[Markup], moment: str = "at") -> Expression:
    """As `pricing.markup_at`."""
    later = [
        When(**{f"{moment}__gte": markup.valid_from}, then=Value(markup.markup_bp))
        for markup in reversed(markups[1:])
    ]
    first = Value(markups[0].markup_bp, output_field=IntegerField())
    return Case(*later, default=first, output_field=IntegerField())


def _resale() -> Expression:
    """As `pricing.resale_micro`: PostgreSQL divides integers without a rest, and none of these is below 0."""
    scaled = F("price_micro") * (F("markup_bp") + Value(WHOLE_BP)) + Value(WHOLE_BP // 2)
    return ExpressionWrapper(scaled / Value(WHOLE_BP), output_field=BigIntegerField())


def _spans(days: Iterable[date]) -> Sequence[tuple[date, date]]:
    """Runs of days, by their first and their last."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and spans[-1][1] + timedelta(days=1) == day:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return spans


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
