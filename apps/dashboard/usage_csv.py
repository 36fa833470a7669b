"""Usage as files, made while they are sent: in chunks, each read in a transaction of its own, as the tenant."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from channels.db import database_sync_to_async

from apps.core.spreadsheets import csv_lines
from apps.core.tenancy import tenant_context
from apps.dashboard.paging import page_of
from apps.usage.breakdowns import Names, names_of, sums_of
from apps.usage.filtering import UsageFilter
from apps.usage.lines import line_list
from apps.usage.periods import Period

_LINES_AT_ONCE = 1000
_DAY = timedelta(days=1)
_WHOSE = ("api_key_id", "api_key", "agent", "agent_version", "customer_id")
_SUM_FIELDS = ("quantity", "records", "price_micro", "price_usd", "estimated_micro", "unpriced")
_USED = ("kind", "provider", "model", "unit")
_LINE_FIELDS = (
    "at",
    "session_id",
    "response_id",
    "item_id",
    "attempt",
    *_USED,
    "quantity",
    "price_micro",
    "price_usd",
    "estimated",
    "is_priced",
    "outcome",
)


async def sum_csv(tenant_id: uuid.UUID, period: Period, wanted: UsageFilter) -> AsyncIterator[str]:
    """The sums of each day, or of each hour of a period that is told by the hour; the first day first."""
    read = database_sync_to_async(_day, thread_sensitive=False)
    names = await database_sync_to_async(_names, thread_sensitive=False)(tenant_id)
    yield csv_lines([("hour" if period.is_hourly else "day", *_USED, *_WHOSE, *_SUM_FIELDS)])
    for number in range(period.days):
        day = period.first + number * _DAY
        yield csv_lines(await read(tenant_id, day, period.is_hourly, wanted, names))


async def line_csv(tenant_id: uuid.UUID, asked: Mapping[str, Any]) -> AsyncIterator[str]:
    """The lines, the newest first. `asked` is as for `line_list`."""
    read = database_sync_to_async(_lines, thread_sensitive=False)
    names = await database_sync_to_async(_names, thread_sensitive=False)(tenant_id)
    yield csv_lines([(*_LINE_FIELDS, *_WHOSE)])
    cursor, is_first = "", True
    while cursor or is_first:
        rows, cursor = await read(tenant_id, asked, cursor, names)
        is_first = False
        yield csv_lines(rows)


def _names(tenant_id: uuid.UUID) -> Names:
    with tenant_context(tenant_id):
        return names_of()


def _day(
    tenant_id: uuid.UUID, day: date, hourly: bool, wanted: UsageFilter, names: Names
) -> Sequence[Sequence[object]]:
    at = "hour" if hourly else "day"
    with tenant_context(tenant_id):
        sums = list(sums_of(Period(day, day), wanted, hourly=hourly).order_by(at, *_USED, "id"))
    return [
        (getattr(each, at).isoformat(), *_of(each, _USED), *_whose(each, names), *_of(each, _SUM_FIELDS))
        for each in sums
    ]


def _lines(
    tenant_id: uuid.UUID, asked: Mapping[str, Any], cursor: str, names: Names
) -> tuple[list[Sequence[object]], str]:
    with tenant_context(tenant_id):
        page = page_of(line_list(**asked), by="at", cursor=cursor, size=_LINES_AT_ONCE)
    rows = [(*_of(line, _LINE_FIELDS), *_whose(line, names)) for line in page.rows]
    return list(rows), page.older


def _of(row: Any, fields: Sequence[str]) -> list[object]:
    return [
        _dollars(row.price_micro) if name == "price_usd" else _shown(getattr(row, name)) for name in fields
    ]


def _shown(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _whose(row: Any, names: Names) -> tuple[object, ...]:
    slug, _, number = names.agents.get(row.agent_version_id, ("", "", ""))
    key = names.keys.get(row.api_key_id, "")
    return row.api_key_id, key, slug, number, row.customer_id


def _dollars(micro: int) -> str:
    """With six digits, exactly."""
    return f"{Decimal(micro).scaleb(-6):f}"
