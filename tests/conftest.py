"""Servers, settings and the cast. Nothing starts, and Django is not touched, until a test asks for it.

Alice owns the tenant Acme, Bob develops for her, Mallory owns another tenant.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_django

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as manage.py does, before anything imports numpy

if TYPE_CHECKING:
    from antiphon.embedded.postgres import EmbeddedPostgres
    from antiphon.embedded.roles import DatabaseUrls
    from tests.cast import Person
    from tests.tripwire import Tripwire

pytest_plugins = ["tests.platform_fixture"]

_DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: no garbage collection needs to look through them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def prepared_cache(pytestconfig: pytest.Config) -> Path:
    """The folder for `tests.prepared`."""
    return pytestconfig.cache.mkdir("prepared")


@pytest.fixture(scope="session")
def embedded_postgres(
    prepared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[EmbeddedPostgres]":
    from antiphon.embedded.postgres import EmbeddedPostgres
    from tests.prepared import copy_prepared

    data_dir = tmp_path_factory.mktemp("data")
    copy_prepared(prepared_cache, data_dir)
    server = EmbeddedPostgres(data_dir / "postgres", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_urls(request: pytest.FixtureRequest) -> "DatabaseUrls":
    """DATABASE_URL and ACROSS_DATABASE_URL, else an embedded server."""
    import psycopg
    from django.db import connections

    from antiphon.config.env import env
    from antiphon.embedded.roles import ACROSS_ROLE, DATABASE, DatabaseUrls, prepare_roles

    app, across = env().database_url, env().across_database_url
    if app and across:
        return DatabaseUrls(app, across)
    superuser_url = request.getfixturevalue("embedded_postgres").superuser_url
    urls = prepare_roles(superuser_url)
    with psycopg.connect(superuser_url, autocommit=True) as connection:  # see tests.flushing
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {ACROSS_ROLE}")
    connections.settings["default"]["TEST"]["TEMPLATE"] = DATABASE  # the one that was prepared
    return urls


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """REDIS_URL, else an embedded server. Settings point to it."""
    from django.conf import settings

    from antiphon.config.env import env
    from antiphon.embedded.valkey import EmbeddedValkey

    server = None
    url = env().redis_url
    if url is None:
        server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
        server.start()
        url = server.url
    settings.REDIS_URL = url
    settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = [url]
    yield url
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    database_urls: "DatabaseUrls", django_db_modify_db_settings_parallel_suffix: None
) -> None:
    from django.db import connections

    from antiphon.config.settings.databases import database

    for alias, url in (("default", database_urls.app), ("across", database_urls.across)):
        connections.settings[alias].update(database(url))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """As pytest-django has it, but nobody is left in the test database when it is dropped, nor, by the checks that
    run while it is made, in the one that `across` leads to until then."""
    from django.db import connections

    connections.close_all()
    yield
    if runtime := sys.modules.get("apps.conversations.runtime"):
        asyncio.run(runtime.writers_end())
    connections.close_all()


@pytest.fixture(scope="session", autouse=True)
def flush_quickly() -> Iterator[None]:
    """Tables are emptied after transactional tests as `tests.flushing` says."""
    from unittest import mock

    from django.core.management.commands import flush

    def delete_rows(*args: Any, **options: Any) -> list[str]:
        from tests import flushing  # once Django is set up

        return flushing.delete_rows(*args, **options)

    with (
        mock.patch.object(flush, "sql_flush", delete_rows),
        mock.patch.object(flush, "emit_post_migrate_signal"),
    ):
        yield


@pytest.fixture(scope="module")
def lasting(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Rows that a module's fixtures make within `lasting()` are there for all its tests, each of which is rolled
    back, and are deleted after them. Not for transactional tests: the first one deletes everything."""
    from django.core.management import call_command

    yield django_db_blocker.unblock
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


@pytest.fixture(autouse=True)
def sql_tripwire(request: pytest.FixtureRequest) -> "Iterator[Tripwire | None]":
    """Fails a test that uses the database and reaches a tenant's table without naming the tenant."""
    uses_database = request.node.get_closest_marker("django_db") or _DATABASE_FIXTURES & set(
        request.fixturenames
    )
    if not uses_database:
        yield None
        return
    from tests.tripwire import watch_queries

    with watch_queries() as tripwire:
        yield tripwire
    assert not tripwire.hits, f"Queries without a tenant: {tripwire.hits}"


@pytest.fixture
def alice(db: None) -> "Person":
    from tests.cast import owner_of

    return owner_of("acme", "alice")


@pytest.fixture
def bob(alice: "Person") -> "Person":
    from tests.cast import member_of

    return member_of(alice.tenant, "bob", "developer")


@pytest.fixture
def mallory(db: None) -> "Person":
    from tests.cast import owner_of

    return owner_of("mallory-inc", "mallory")


@pytest.fixture(scope="session", autouse=True)
def unload_models() -> Iterator[None]:
    """Ends the models that a test's request made this process load."""
    yield
    if runtime := sys.modules.get("apps.conversations.runtime"):
        asyncio.run(runtime.shutdown())
