"""What a process needs to do its work, and whether it is there."""

import asyncio
from collections.abc import Awaitable, Callable

import redis.asyncio
import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from antiphon.config.serve import draining
from apps.core.tenancy import ACROSS_DATABASE, APP_DATABASE

PATIENCE_SECONDS = 5.0

log = structlog.get_logger(__name__)

_migrated = False


async def failing_parts() -> list[str]:
    """Names what keeps this process from working: `draining`, `database`, `migrations`, `valkey`."""
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "database": _check_database,
        "migrations": _check_migrations,
        "valkey": _check_valkey,
    }
    results = await asyncio.gather(*(_fails(name, check) for name, check in parts.items()))
    return ["draining"] * draining() + [name for name, fails in zip(parts, results, strict=True) if fails]


async def _fails(name: str, check: Callable[[], Awaitable[None]]) -> bool:
    try:
        await asyncio.wait_for(check(), PATIENCE_SECONDS)
    except Exception as error:
        log.warning("not_ready", part=name, error=f"{type(error).__name__}: {error}")
        return True
    return False


async def _check_valkey() -> None:
    async with redis.asyncio.from_url(settings.REDIS_URL) as client:
        await client.ping()


def _query_databases() -> None:
    for alias in (APP_DATABASE, ACROSS_DATABASE):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")


def _require_migrations() -> None:
    """Once complete they stay so for the life of the process, and building the graph takes time."""
    global _migrated
    if _migrated:
        return
    executor = MigrationExecutor(connections[APP_DATABASE])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise RuntimeError(f"{len(missing)} migrations are missing: run `manage.py migrate`.")
    _migrated = True


_check_database = database_sync_to_async(_query_databases, thread_sensitive=False)
_check_migrations = database_sync_to_async(_require_migrations, thread_sensitive=False)
