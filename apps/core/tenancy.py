"""Which tenant the running code works for.

`tenant_context` is entered by what authenticates a caller: a tenant's page, an API key, the WebSocket
connection, a Celery task. Everything below reads it: managers filter by it and PostgreSQL's row security
enforces it. Without it no row of any tenant can be read or written.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

APP_DATABASE = "default"
ACROSS_DATABASE = "across"

log = structlog.get_logger(__name__)


class NoTenant(Exception):
    """Rows of a tenant were asked for while no tenant was set."""


class CrossTenant(Exception):
    """A row of one tenant was about to be written, or linked, by another."""


@dataclass(frozen=True, slots=True)
class Across:
    """The code works for no tenant in particular, and said why."""

    reason: str


current_tenant: ContextVar[uuid.UUID | Across | None] = ContextVar("current_tenant", default=None)


def require_tenant() -> uuid.UUID | Across:
    """Raises NoTenant."""
    tenant = current_tenant.get()
    if tenant is None:
        raise NoTenant("No tenant is set: enter tenant_context(tenant_id) before touching a tenant's rows.")
    return tenant


@contextmanager
def tenant_context(tenant_id: uuid.UUID) -> Iterator[None]:
    """Everything inside works for this tenant, also in threads and tasks that are started inside."""
    if not isinstance(tenant_id, uuid.UUID):
        raise TypeError(f"tenant_context wants a UUID, not {type(tenant_id).__name__}.")
    token = current_tenant.set(tenant_id)
    try:
        yield
    finally:
        current_tenant.reset(token)


@contextmanager
def across_tenants(*, reason: str, whole_process: bool = False) -> Iterator[None]:
    """The only way to see several tenants: a second connection, whose role bypasses row security. Logged; what
    each process does for as long as it lives (`whole_process`) tells nobody anything, and is for debugging."""
    (log.debug if whole_process else log.info)("across_tenants", reason=reason)
    token = current_tenant.set(Across(reason))
    try:
        yield
    finally:
        current_tenant.reset(token)


def current_database() -> str:
    """The alias that queries use now."""
    return ACROSS_DATABASE if isinstance(current_tenant.get(), Across) else APP_DATABASE


@contextmanager
def atomic() -> Iterator[None]:
    """`transaction.atomic` on the connection that queries use now. Also a decorator."""
    with transaction.atomic(using=current_database()):
        yield


def on_commit(callback: Callable[[], Any]) -> None:
    """`transaction.on_commit` on the connection that queries use now."""
    transaction.on_commit(callback, using=current_database())


@contextmanager
def own_connection(alias: str, *, name: str | None = None) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, outside the pool, to the alias's database or to the one of that name."""
    connection = connections[alias].copy()
    connection.settings_dict["OPTIONS"].pop("pool", None)
    if name is not None:
        connection.settings_dict["NAME"] = name
    try:
        yield connection
    finally:
        connection.close()


class TenancyRouter:
    """Both aliases are one database under two roles.

    A query made outside `across_tenants` never uses the second, not even for rows that were read inside.
    """

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return current_database()

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return current_database()

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == APP_DATABASE
