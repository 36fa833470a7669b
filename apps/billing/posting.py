"""What was used goes into the ledger: called in the transaction that writes its lines, so that both are there or
neither."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import psycopg

from apps.billing.models import Account, Kind


class NewLine(Protocol):
    """A usage line that was just written."""

    @property
    def tenant_id(self) -> uuid.UUID: ...
    @property
    def posting_id(self) -> uuid.UUID: ...
    @property
    def session_id(self) -> str: ...
    @property
    def customer_id(self) -> uuid.UUID | None: ...
    @property
    def price_micro(self) -> int: ...
    @property
    def at(self) -> datetime: ...


def post_usage(cursor: psycopg.Cursor[Any], lines: Sequence[NewLine]) -> None:
    """Writes one ledger transaction for each tenant and posting, with the posting's id, and takes what it comes to
    from what the sessions hold. `cursor` belongs to the role that bypasses row security. What is free needs none.

    Everything is locked in the order of tenants, so that processes that post at once never wait for each other in
    a circle.
    """
    sums: defaultdict[tuple[uuid.UUID, uuid.UUID], int] = defaultdict(int)
    customers: defaultdict[tuple[uuid.UUID, uuid.UUID], set[uuid.UUID | None]] = defaultdict(set)
    spent: defaultdict[tuple[uuid.UUID, str], int] = defaultdict(int)
    for line in lines:
        posting = line.tenant_id, line.posting_id
        sums[posting] += line.price_micro
        customers[posting].add(line.customer_id)
        spent[line.tenant_id, line.session_id] += line.price_micro
    postings = sorted(posting for posting, amount in sums.items() if amount)
    if not postings:
        return
    amounts = [sums[posting] for posting in postings]
    rows = {
        "kind": Kind.USAGE.value,
        "tenants": [tenant for tenant, _ in postings],
        "ids": [id for _, id in postings],
        "customers": [
            next(iter(customers[posting])) if len(customers[posting]) == 1 else None for posting in postings
        ],
        "amounts": amounts,
        "balance": Account.BALANCE.value,
        "revenue": Account.USAGE_REVENUE.value,
    }
    cursor.execute(_TRANSACTIONS, rows)
    cursor.execute(_ENTRIES, rows)
    sessions = sorted(session for session, amount in spent.items() if amount)
    cursor.execute(
        _RELEASE,
        {
            "tenants": [tenant for tenant, _ in sessions],
            "sessions": [session for _, session in sessions],
            "amounts": [spent[session] for session in sessions],
        },
    )


_TRANSACTIONS = """
    INSERT INTO billing_ledgertransaction (id, tenant_id, kind, reference, customer_id, description, at)
    SELECT id, tenant_id, %(kind)s, 'usage:' || id, customer_id, '', clock_timestamp()
    FROM unnest(%(tenants)s::uuid[], %(ids)s::uuid[], %(customers)s::uuid[]) AS posting (tenant_id, id, customer_id)
"""
_ENTRIES = """
    INSERT INTO billing_ledgerentry (tenant_id, transaction_id, account, amount_micro)
    SELECT tenant_id, id, entry.account, entry.sign * amount
    FROM unnest(%(tenants)s::uuid[], %(ids)s::uuid[], %(amounts)s::bigint[]) AS posting (tenant_id, id, amount)
    CROSS JOIN (VALUES (%(balance)s, -1), (%(revenue)s, 1)) AS entry (account, sign)
"""
# What is in the ledger needs no hold any more: both change at once, and what can be spent stays the same.
_RELEASE = """
    WITH spent AS (
        SELECT * FROM unnest(%(tenants)s::uuid[], %(sessions)s::text[], %(amounts)s::bigint[])
            AS spent (tenant_id, session_id, amount)
    ), locked AS (
        SELECT hold.id, spent.amount FROM billing_spendhold AS hold JOIN spent USING (tenant_id, session_id)
        ORDER BY hold.tenant_id, hold.session_id FOR NO KEY UPDATE OF hold
    )
    UPDATE billing_spendhold AS hold SET posted_micro = hold.posted_micro + locked.amount
    FROM locked WHERE hold.id = locked.id
"""
