"""Whether the ledger is right: against itself, and against what was used. Works across tenants, or for one."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db import connections

from apps.core.tenancy import across_tenants, current_database

_UNBALANCED = """
    SELECT entry.tenant_id, entry.transaction_id, sum(entry.amount_micro), count(*)
    FROM billing_ledgerentry AS entry WHERE %(tenant)s::uuid IS NULL OR entry.tenant_id = %(tenant)s
    GROUP BY 1, 2 HAVING sum(entry.amount_micro) <> 0 OR count(*) < 2
"""
_SNAPSHOTS = """
    SELECT coalesce(balance.tenant_id, total.tenant_id), coalesce(balance.account, total.account),
        coalesce(balance.amount_micro, 0), coalesce(total.amount, 0)
    FROM billing_accountbalance AS balance
    FULL JOIN (
        SELECT tenant_id, account, sum(amount_micro) AS amount FROM billing_ledgerentry GROUP BY 1, 2
    ) AS total ON total.tenant_id = balance.tenant_id AND total.account = balance.account
    WHERE coalesce(balance.amount_micro, 0) <> coalesce(total.amount, 0)
        AND (%(tenant)s::uuid IS NULL OR coalesce(balance.tenant_id, total.tenant_id) = %(tenant)s)
"""
_USAGE = """
    SELECT coalesce(posted.tenant_id, used.tenant_id), coalesce(posted.id, used.posting_id),
        coalesce(posted.amount, 0), coalesce(used.price, 0)
    FROM (
        SELECT made.tenant_id, made.id, sum(entry.amount_micro) AS amount
        FROM billing_ledgertransaction AS made
        JOIN billing_ledgerentry AS entry ON entry.transaction_id = made.id
        WHERE made.kind = 'usage' AND entry.account = 'usage_revenue' GROUP BY 1, 2
    ) AS posted
    FULL JOIN (
        SELECT tenant_id, posting_id, sum(price_micro) AS price FROM usage_usageline GROUP BY 1, 2
    ) AS used ON used.tenant_id = posted.tenant_id AND used.posting_id = posted.id
    WHERE coalesce(posted.amount, 0) <> coalesce(used.price, 0)
        AND (%(tenant)s::uuid IS NULL OR coalesce(posted.tenant_id, used.tenant_id) = %(tenant)s)
"""


def ledger_problems(tenant_id: uuid.UUID | None = None) -> Iterator[str]:
    """A sentence for each thing that is wrong: in the books of one tenant, or of all."""
    with across_tenants(reason="check the ledger"):
        for tenant, id, amount, entries in _rows(_UNBALANCED, tenant_id):
            yield f"Tenant {tenant}: the {entries} entries of the transaction {id} sum to {amount}, not to 0."
        for tenant, account, kept, amount in _rows(_SNAPSHOTS, tenant_id):
            yield f"Tenant {tenant}: the balance of {account} is kept as {kept}, but its entries sum to {amount}."
        for tenant, posting, posted, used in _rows(_USAGE, tenant_id):
            yield f"Tenant {tenant}: the posting {posting} is {posted} in the ledger, but its lines sum to {used}."


def _rows(sql: str, tenant_id: uuid.UUID | None) -> list[tuple[Any, ...]]:
    with connections[current_database()].cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id})
        return list(cursor.fetchall())
