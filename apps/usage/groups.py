"""Sums of usage for programs: of one way to tell it apart, with the quantity of each unit."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from django.db.models import Sum

from apps.customers.selectors import customer_names
from apps.usage.breakdowns import names_of, sums_of
from apps.usage.filtering import UsageFilter
from apps.usage.periods import Period

Way = Literal[
    "day", "hour", "kind", "provider", "model", "unit", "api_key", "agent", "agent_version", "customer"
]
_COLUMNS = {
    "api_key": "api_key_id",
    "agent": "agent_version_id",
    "agent_version": "agent_version_id",
    "customer": "customer_id",
}


@dataclass(slots=True)
class Group:
    """`group` is None for what has no key, no agent, or is for no customer; `label` is what it is called."""

    group: str | None
    label: str | None = None
    price_micro: int = 0
    estimated_micro: int = 0
    unpriced: int = 0
    records: int = 0
    quantities: dict[str, int] = field(default_factory=dict)


def usage_groups(*, by: Way, period: Period, wanted: UsageFilter) -> Sequence[Group]:
    """In the order of the groups. Days and hours are those of UTC."""
    column = _COLUMNS.get(by, by)
    rows = (
        sums_of(period, wanted, hourly=by == "hour")
        .order_by()
        .values_list(column, "unit")
        .annotate(
            Sum("price_micro"), Sum("estimated_micro"), Sum("unpriced"), Sum("records"), Sum("quantity")
        )
    )
    label_of = _labels(by)
    groups: dict[str | None, Group] = {}
    for key, unit, price, estimated, unpriced, records, quantity in rows:
        name, label = label_of(key)
        group = groups.setdefault(name, Group(name, label))
        group.price_micro += int(price)
        group.estimated_micro += int(estimated)
        group.unpriced += int(unpriced)
        group.records += int(records)
        group.quantities[unit] = group.quantities.get(unit, 0) + int(quantity)
    return sorted(groups.values(), key=lambda group: (group.group is None, group.group))


def _labels(by: Way) -> Any:
    """From a column's value, the group's name and what it is called."""
    if by == "api_key":
        keys = names_of(version_ids=()).keys
        return lambda id: (_text(id), keys.get(id))
    if by in ("agent", "agent_version"):
        agents = names_of(key_ids=()).agents

        def of_version(id: uuid.UUID | None) -> tuple[str | None, str | None]:
            slug, name, number = agents.get(id, (None, None, None)) if id else (None, None, None)
            if slug is None:
                return _text(id), None
            return (slug, name) if by == "agent" else (_text(id), f"{name} v{number}")

        return of_version
    if by == "customer":
        customers = customer_names()
        return lambda id: (_text(id), customers.get(id))
    return lambda value: (_text(value), None)


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)
