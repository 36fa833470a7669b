"""The sums of what a tenant used, made anew from the lines that they are of."""

import uuid

from django.db import connections

from apps.core.tenancy import APP_DATABASE, atomic, tenant_context
from apps.usage.rows import DAYS, HOURS, WAYS, Sums

_BEGIN = {
    HOURS.table: "date_trunc('hour', at, 'UTC')",
    DAYS.table: "(at AT TIME ZONE 'UTC')::date",
}
_REBUILD = """
    INSERT INTO {table} (
        tenant_id, {time}, {ways}, quantity, records, cost_micro, price_micro, estimated_micro, unpriced
    )
    SELECT tenant_id, {begin}, {ways}, sum(quantity), count(*), sum(cost_micro), sum(price_micro),
        coalesce(sum(price_micro) FILTER (WHERE estimated), 0), count(*) FILTER (WHERE NOT is_priced)
    FROM usage_usageline WHERE "tenant_id" = %s
    GROUP BY tenant_id, {begin}, {ways}
"""


def rollups_rebuild(*, tenant_id: uuid.UUID) -> int:
    """The number of sums, of hours and days, that the tenant has now.

    Recorders wait meanwhile: one that has written lines before us raises the sums before us, one that comes after
    us raises ours.
    """
    with tenant_context(tenant_id), atomic(), connections[APP_DATABASE].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {HOURS.table}, {DAYS.table} IN SHARE ROW EXCLUSIVE MODE")
        return sum(_rebuild(cursor, sums, tenant_id) for sums in (HOURS, DAYS))


def _rebuild(cursor: object, sums: Sums, tenant_id: uuid.UUID) -> int:
    execute = cursor.execute  # type: ignore[attr-defined]
    execute(f'DELETE FROM {sums.table} WHERE "tenant_id" = %s', [tenant_id])
    sql = _REBUILD.format(table=sums.table, time=sums.time, begin=_BEGIN[sums.table], ways=", ".join(WAYS))
    execute(sql, [tenant_id])
    return int(cursor.rowcount)  # type: ignore[attr-defined]
