"""Statements and invoices as files, made while they are sent."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from channels.db import database_sync_to_async
from django.db.models import QuerySet

from apps.billing.models import Invoice, LedgerTransaction
from apps.core.spreadsheets import csv_lines
from apps.core.tenancy import tenant_context
from apps.dashboard.paging import page_of

_ROWS_AT_ONCE = 1000
_COLUMNS = ("id", "at", "kind", "reference", "description", "balance_change")


async def statement_csv(found: QuerySet[LedgerTransaction], tenant_id: uuid.UUID) -> AsyncIterator[str]:
    """What changed the balance, newest first. Runs after the request's own tenant context has been left."""
    read = database_sync_to_async(_page, thread_sensitive=False)
    yield csv_lines([_COLUMNS])
    cursor, is_first = "", True
    while cursor or is_first:
        rows, cursor = await read(found, tenant_id, cursor)
        is_first = False
        yield csv_lines(rows)


async def invoice_csv(invoice: Invoice, tenant_id: uuid.UUID) -> AsyncIterator[str]:
    yield csv_lines([("invoice", "kind", "description", "day", "model", "amount_micro")])
    yield csv_lines(await database_sync_to_async(_lines, thread_sensitive=False)(invoice, tenant_id))


def _page(
    found: QuerySet[LedgerTransaction], tenant_id: uuid.UUID, cursor: str
) -> tuple[list[list[object]], str]:
    with tenant_context(tenant_id):
        page = page_of(found, by="at", cursor=cursor, size=_ROWS_AT_ONCE)
    rows = [[getattr(row, name) for name in _COLUMNS] for row in page.rows]
    return rows, page.older


def _lines(invoice: Invoice, tenant_id: uuid.UUID) -> list[Sequence[Any]]:
    with tenant_context(tenant_id):
        return [
            (str(invoice), line.kind, line.description, line.day, line.model, line.amount_micro)
            for line in invoice.lines.all()
        ]
