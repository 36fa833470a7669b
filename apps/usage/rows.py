"""Usage records as rows of the database: the lines that are new, and the sums that they raise."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import psycopg

from antiphon.metering.records import UsageRecord


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line that was written just now, for the first time."""

    tenant_id: uuid.UUID
    posting_id: uuid.UUID
    at: datetime
    session_id: str
    kind: str
    provider: str
    model: str
    unit: str
    api_key_id: uuid.UUID | None
    agent_version_id: uuid.UUID | None
    customer_id: uuid.UUID | None
    quantity: int
    cost_micro: int
    price_micro: int
    estimated: bool
    is_priced: bool


Book = Callable[[psycopg.Cursor[Any], Sequence[NewLine]], None]
"""Books new lines elsewhere in the database, in the transaction that writes them. What it raises undoes it all."""


class BadRecord(Exception):
    """A record that can't be made rows of."""


class NotBooked(Exception):
    """The lines are as they should be, and a book refused them."""


class Row(NamedTuple):
    """The columns of a line, in the order in which they are copied."""

    tenant_id: uuid.UUID
    key: str
    unit: str
    kind: str
    session_id: str
    response_id: str | None
    item_id: str | None
    attempt: int
    api_key_id: uuid.UUID | None
    agent_version_id: uuid.UUID | None
    customer_id: uuid.UUID | None
    provider: str
    model: str
    quantity: int
    rate_id: str
    unit_price: Decimal | None
    per: int | None
    cost_micro: int
    price_micro: int
    estimated: bool
    is_priced: bool
    outcome: str | None
    at: datetime
    posting_id: uuid.UUID


_COLUMNS = ", ".join(Row._fields)
_INCOMING = f"""
    CREATE TEMPORARY TABLE incoming ON COMMIT DELETE ROWS AS
    SELECT {_COLUMNS} FROM usage_usageline WITH NO DATA
"""
_COPY = f"COPY incoming ({_COLUMNS}) FROM STDIN"
# In one order everywhere: processes that write the same lines at once wait for each other and never in a circle.
_INSERT = f"""
    INSERT INTO usage_usageline ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming ORDER BY tenant_id, key, unit
    ON CONFLICT (tenant_id, key, unit) DO NOTHING RETURNING tenant_id::text, key, unit
"""

# That a line can't be written is said before anything is booked of it: what is refused then is not the line.
_CHECK = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"

WAYS = ("kind", "provider", "model", "unit", "api_key_id", "agent_version_id", "customer_id")
"""In which lines differ that are not added up."""
_FIRST_DAY = date(1970, 1, 1).toordinal()
_Totals = defaultdict[tuple[Any, ...], list[int]]
_AMOUNTS = ("quantity", "records", "cost_micro", "price_micro", "estimated_micro", "unpriced")
_TYPES = ("text", "text", "text", "text", "uuid", "uuid", "uuid") + ("bigint",) * len(_AMOUNTS)


class Sums(NamedTuple):
    table: str
    time: str
    type: str

    @property
    def columns(self) -> tuple[str, ...]:
        return ("tenant_id", self.time, *WAYS, *_AMOUNTS)


HOURS = Sums("usage_usagehour", "hour", "timestamptz")
DAYS = Sums("usage_usageday", "day", "date")


def _raising(sums: Sums) -> str:
    """SQL that adds to sums what one parameter says, a JSON array of objects."""
    columns, unique = ", ".join(sums.columns), ", ".join(("tenant_id", sums.time, *WAYS))
    types = ", ".join(map(" ".join, zip(sums.columns, ("uuid", sums.type, *_TYPES), strict=True)))
    raised = ", ".join(f"{name} = {sums.table}.{name} + excluded.{name}" for name in _AMOUNTS)
    return f"""
        INSERT INTO {sums.table} ({columns})
        SELECT {columns} FROM json_to_recordset(%s) AS raised ({types}) ORDER BY {unique}
        ON CONFLICT ({unique}) DO UPDATE SET {raised}
    """


_RAISE = {sums: _raising(sums) for sums in (HOURS, DAYS)}


def _rows_of(record: UsageRecord, posting_id: uuid.UUID) -> Iterable[Row]:
    """A row for each line. Raises ValueError and OverflowError for a record that was never one of ours."""
    common = {
        "tenant_id": _uuid(record.tenant_id),
        "key": _text(record.id),
        "kind": record.kind,
        "session_id": record.session_id,
        "response_id": _text(record.response_id),
        "item_id": _text(record.item_id),
        "attempt": record.attempt,
        "api_key_id": _uuid(record.api_key_id),
        "agent_version_id": _uuid(record.agent_version_id),
        "customer_id": _uuid(record.customer_id),
        "provider": _text(record.provider),
        "model": _text(record.model),
        "estimated": record.estimated,
        "outcome": record.outcome,
        "at": datetime.fromtimestamp(record.at / 1000, UTC),
        "posting_id": posting_id,
    }
    for line in record.lines:
        yield Row(
            **common,
            unit=line.unit,
            quantity=line.quantity,
            rate_id=line.rate_id,
            unit_price=line.unit_price,
            per=line.per,
            cost_micro=line.cost_micro,
            price_micro=line.price_micro,
            is_priced=True,
        )
    for missing in record.unpriced:
        yield Row(
            **common,
            unit=missing.unit,
            quantity=missing.quantity,
            rate_id="",
            unit_price=None,
            per=None,
            cost_micro=0,
            price_micro=0,
            is_priced=False,
        )


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Makes it one that can `write`. Raises psycopg.Error."""
    connection.execute(_INCOMING)


def write(
    connection: psycopg.Connection[Any], records: Sequence[UsageRecord], books: Sequence[Book]
) -> Sequence[NewLine]:
    """In one transaction: the lines that are not there yet, the sums that they raise, and what `books` make of
    them. All lines of a tenant have one posting. Raises psycopg.Error, BadRecord and NotBooked."""
    postings: defaultdict[str, uuid.UUID] = defaultdict(uuid.uuid4)
    try:
        rows = [row for record in records for row in _rows_of(record, postings[record.tenant_id])]
    except (ValueError, OverflowError) as error:
        raise BadRecord(str(error)) from error
    booking = False
    try:
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                for row in rows:
                    copy.write_row(row)
            written = {(str(row.tenant_id), row.key, row.unit): row for row in rows}
            new = [_new_line(written[key]) for key in cursor.execute(_INSERT).fetchall()]
            if new:
                _raise_sums(cursor, new)
            if new and books:
                cursor.execute(_CHECK)
                booking = True
                for book in books:
                    book(cursor, new)
    except psycopg.OperationalError:
        raise
    except Exception as error:
        if booking:
            raise NotBooked(f"{type(error).__name__}: {error}") from error
        raise
    return new


def _new_line(row: Row) -> NewLine:
    return NewLine(
        tenant_id=row.tenant_id,
        posting_id=row.posting_id,
        at=row.at,
        session_id=row.session_id,
        kind=row.kind,
        provider=row.provider,
        model=row.model,
        unit=row.unit,
        api_key_id=row.api_key_id,
        agent_version_id=row.agent_version_id,
        customer_id=row.customer_id,
        quantity=row.quantity,
        cost_micro=row.cost_micro,
        price_micro=row.price_micro,
        estimated=row.estimated,
        is_priced=row.is_priced,
    )


def _raise_sums(cursor: psycopg.Cursor[Any], lines: Sequence[NewLine]) -> None:
    hours: _Totals = defaultdict(lambda: [0] * len(_AMOUNTS))
    for line in lines:
        ways = (line.kind, line.provider, line.model, line.unit)
        ids = (line.api_key_id, line.agent_version_id, line.customer_id)
        total = hours[(line.tenant_id, line.at.timestamp() // 3600, *ways, *ids)]
        total[0] += line.quantity
        total[1] += 1
        total[2] += line.cost_micro
        total[3] += line.price_micro
        total[4] += line.price_micro if line.estimated else 0
        total[5] += not line.is_priced
    days: _Totals = defaultdict(lambda: [0] * len(_AMOUNTS))
    for (tenant_id, hour, *ways_and_ids), amounts in hours.items():
        total = days[(tenant_id, hour // 24, *ways_and_ids)]
        for index, amount in enumerate(amounts):
            total[index] += amount
    _raise(cursor, HOURS, hours, lambda hour: datetime.fromtimestamp(hour * 3600, UTC))
    _raise(cursor, DAYS, days, lambda day: date.fromordinal(_FIRST_DAY + int(day)))


def _raise(
    cursor: psycopg.Cursor[Any],
    sums: Sums,
    totals: _Totals,
    begin: Callable[[float], datetime | date],
) -> None:
    """`totals` by their tenant, the number of the hour or day since 1970, and WAYS."""
    rows = [
        dict(zip(sums.columns, (tenant, begin(time), *ways, *amounts), strict=True))
        for (tenant, time, *ways), amounts in totals.items()
    ]
    cursor.execute(_RAISE[sums], [msgspec.json.encode(rows).decode()])


@lru_cache(maxsize=4096)  # tenants, keys and versions come again and again
def _uuid(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def _text(value: Any) -> Any:
    """PostgreSQL's text has no NUL."""
    return value.replace("\0", "\ufffd") if value and "\0" in value else value
