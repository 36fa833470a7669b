"""Every record of usage, one after the other: quantities and what they are billed."""

from collections.abc import Iterator

from django.db.models import Sum

from apps.reports.kinds.naming import Naming
from apps.reports.parameters import Wanted
from apps.reports.tables import Column, Row, Section, Shows
from apps.usage.breakdowns import sums_of
from apps.usage.lines import line_list

_AT_ONCE = 5000
_FIELDS = (
    "at",
    "session_id",
    "kind",
    "provider",
    "model",
    "unit",
    "quantity",
    "price_micro",
    "estimated",
    "is_priced",
    "api_key_id",
    "agent_version_id",
    "customer_id",
)
_COLUMNS = (
    Column("Time", Shows.MOMENT, 1.15),
    Column("Session", width=1.7),
    Column("Kind", width=1.05),
    Column("Provider", width=0.9),
    Column("Model", width=1.8),
    Column("Unit", width=1.3),
    Column("Quantity", Shows.INTEGER, 1.0, is_summed=True),
    Column("Price", Shows.MONEY, 1.1, is_summed=True),
    Column("Remark", width=0.8),
    Column("API key", width=1.1),
    Column("Agent", width=1.1),
    Column("Version", Shows.INTEGER, 0.7),
    Column("Customer", width=1.1),
)


def sections(wanted: Wanted, naming: Naming) -> list[Section]:
    sums = sums_of(wanted.period, wanted.only, hourly=False).order_by()
    count = int(sums.aggregate(records=Sum("records", default=0))["records"])
    note = "Each is a quantity of one unit, and what it is billed; of several units their sum means little."
    return [Section("Usage records", _COLUMNS, lambda: _rows(wanted, naming), count, note)]


def _rows(wanted: Wanted, naming: Naming) -> Iterator[Row]:
    """The oldest first, read as they are now: what is written meanwhile is in the next report."""
    period = wanted.period
    lines = line_list(wanted.only, since=period.since, before=period.before).order_by("at", "id")
    for *used, estimated, is_priced, key, version, customer in lines.values_list(*_FIELDS).iterator(_AT_ONCE):
        remark = "" if is_priced and not estimated else "estimated" if is_priced else "without a price"
        agent, number = naming.agent(version)
        yield (*used, remark, naming.key(key), agent, number, naming.customer(customer))
