"""Keeps PostgreSQL's `app.tenant_id`, which the row security policies read, equal to the current tenant."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from apps.core.tenancy import APP_DATABASE, current_tenant

SETTING = "app.tenant_id"


def follow_current_tenant(sender: object, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Receiver of `connection_created`. A pooled connection still has the setting of its last user, so each
    connect starts anew."""
    if connection.alias != APP_DATABASE:
        return
    for wrapper in connection.execute_wrappers:
        if isinstance(wrapper, TenantSetting):
            wrapper.forget()
            return
    # First, because `connection.execute_wrapper` takes its own away from the end.
    connection.execute_wrappers.insert(0, TenantSetting())


class TenantSetting:
    """Sends the current tenant before a query if the server's value may differ.

    The server undoes a setting made in a transaction or savepoint that is rolled back. So what was sent
    counts until a ROLLBACK TO, and what was sent inside a transaction counts only in that transaction.
    """

    def __init__(self) -> None:
        self._sent: str | None = None
        self._sent_in_transaction = False

    def forget(self) -> None:
        self._sent = None

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if isinstance(sql, str) and sql.startswith("ROLLBACK TO"):
            self.forget()
        else:
            self._send(context["connection"].connection)
        return execute(sql, params, many, context)

    def _send(self, connection: Any) -> None:
        status = connection.info.transaction_status
        if status == TransactionStatus.INERROR:
            return
        if status == TransactionStatus.IDLE and self._sent_in_transaction:
            self.forget()
        tenant = current_tenant.get()
        wanted = str(tenant) if isinstance(tenant, uuid.UUID) else ""
        if wanted == self._sent:
            return
        connection.execute("SELECT set_config(%s, %s, false)", [SETTING, wanted])
        self._sent = wanted
        self._sent_in_transaction = connection.info.transaction_status == TransactionStatus.INTRANS
