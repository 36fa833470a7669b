import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import cast

from django.db.models import Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.utils import timezone

from apps.customers.models import Customer, CustomerMarkup, Statement, StatementLine
from apps.customers.months import month_of, months_between
from apps.usage.models import UsageDay


def customer_list() -> QuerySet[Customer]:
    """The current tenant's, each with the `markup_bp` that holds now."""
    held = CustomerMarkup.objects.filter(customer=OuterRef("pk"), valid_from__lte=timezone.now())
    return Customer.objects.annotate(markup_bp=Subquery(held.order_by("-valid_from").values("markup_bp")[:1]))


def customer_get(external_id: str) -> Customer | None:
    """The current tenant's, by the name that its apps use."""
    return Customer.objects.filter(external_id=external_id).first()


def customer_names(ids: Iterable[uuid.UUID | None] | None = None) -> Mapping[uuid.UUID, str]:
    """Of these customers of the current tenant; of all of them if None is given."""
    found = Customer.objects.order_by()
    if ids is not None:
        found = found.filter(id__in={each for each in ids if each})
    return dict(found.values_list("id", "name"))


def markups_to_come(customer: Customer) -> QuerySet[CustomerMarkup]:
    return customer.markups.filter(valid_from__gt=timezone.now())


def spent_this_month() -> Mapping[uuid.UUID, int]:
    """What the current tenant is billed for what each of its customers used in this month of UTC, in
    micro-dollars."""
    since = month_of(timezone.now().astimezone(UTC).date())
    days = UsageDay.objects.filter(day__gte=since, customer_id__isnull=False).order_by()
    found = days.values("customer_id").annotate(spent=Sum("price_micro"))
    return {id: spent for id, spent in found.values_list("customer_id", "spent") if id is not None}


def statement_list(customer: Customer | None = None) -> QuerySet[Statement]:
    """Of the current tenant, the newest first; of one customer if one is given."""
    found = Statement.objects.select_related("customer")
    return found if customer is None else found.filter(customer=customer)


def statement_lines(statement: Statement) -> QuerySet[StatementLine]:
    return statement.lines.order_by("day", "kind", "model", "unit", "markup_bp")


def months_due(customer: Customer, *, today: date) -> Sequence[date]:
    """Months that are over, have no statement, and in which the customer used something: each from its first day.
    None is before the latest statement."""
    issued = statement_list(customer).aggregate(latest=Max("month"))["latest"]
    used = UsageDay.objects.filter(customer_id=customer.pk, day__lt=month_of(today))
    if issued is not None:
        used = used.filter(day__gt=issued)
    first = used.aggregate(first=Min("day"))["first"]
    if first is None:
        return []
    with_use = {month_of(day) for day in used.order_by().values_list("day", flat=True).distinct()}
    months = cast("list[date]", [*months_between(first, month_of(today))])
    return [month for month in months if month in with_use and (issued is None or month > issued)]
