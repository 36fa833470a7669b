"""Finds queries that reach a tenant's table without naming the tenant.

Row security would hide the rows anyway; a query that relies on it alone is one mistake away from a leak.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.signals import connection_created

from apps.core.models import TenantModel
from apps.core.tenancy import APP_DATABASE

# The deletion collector deletes by the ids that a scoped query has just found.
_COLLECTED = re.compile(r'DELETE FROM "\w+" WHERE "\w+"\."id" IN \(')


class Tripwire:
    def __init__(self) -> None:
        self.hits: list[str] = []
        self._armed = True
        tables = "|".join(
            model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)
        )
        self._reaches_tenant = re.compile(rf"\b(?:{tables})\b")

    def __call__(self, execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        if self._armed and isinstance(sql, str) and self._is_hit(sql):
            self.hits.append(sql)
        return execute(sql, *rest)

    @contextmanager
    def disarmed(self) -> Iterator[None]:
        """For a test that shows what PostgreSQL does with raw SQL."""
        self._armed = False
        try:
            yield
        finally:
            self._armed = True

    def _is_hit(self, sql: str) -> bool:
        return (
            sql.lstrip().split(" ", 1)[0].upper() in ("SELECT", "UPDATE", "DELETE", "WITH")
            and self._reaches_tenant.search(sql) is not None
            and '"tenant_id" = ' not in sql
            and _COLLECTED.match(sql) is None
        )


@contextmanager
def watch_queries() -> Iterator[Tripwire]:
    """Watches this thread's connection and those that other threads open meanwhile."""
    tripwire = Tripwire()

    def attach(connection: Any, **kwargs: Any) -> None:
        if connection.alias == APP_DATABASE and tripwire not in connection.execute_wrappers:
            connection.execute_wrappers.append(tripwire)

    own = connections[APP_DATABASE]
    attach(own)
    connection_created.connect(attach)
    try:
        yield tripwire
    finally:
        connection_created.disconnect(attach)
        own.execute_wrappers.remove(tripwire)
