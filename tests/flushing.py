"""What transactional tests leave behind is deleted: TRUNCATE makes new files for every table, empty or not, and its
dozens of tables take many times as long as most tests."""

import psycopg
from django.core.management.color import Style
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from apps.core.tenancy import ACROSS_DATABASE

MADE_BY_MIGRATE = frozenset({"django_content_type", "auth_permission"})
"""What `migrate` itself puts into the database stays in it: to make it anew takes a quarter of a second."""


def delete_rows(
    style: Style, connection: BaseDatabaseWrapper, reset_sequences: bool = True, allow_cascade: bool = False
) -> list[str]:
    """In place of Django's `sql_flush`: empties the tables at once and leaves no statement to run.

    Only a role that bypasses row security sees what is there, and only without triggers can rows go that are never
    changed, in any order. Where that role may not say so, and for sequences, the statements are Django's own.
    """
    tables = _tables(connection)
    if tables and (reset_sequences or not _deleted(connection, tables)):
        return list(
            connection.ops.sql_flush(
                style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade
            )
        )
    return []


def _tables(connection: BaseDatabaseWrapper) -> list[str]:
    """None for an alias that is not migrated: its tables are another's."""
    known = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(known) - MADE_BY_MIGRATE)


def _deleted(connection: BaseDatabaseWrapper, tables: list[str]) -> bool:
    """Whether it could be done, over a connection that is made for it: the test itself may not use the other alias,
    and where no test does, it does not lead to the database of tests."""
    across = connections[ACROSS_DATABASE]
    params = across.get_connection_params() | {"dbname": connection.settings_dict["NAME"]}
    used = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(name, sql.Identifier(name))
        for name in tables
    )
    with across.get_new_connection(params) as own:
        names = [name for (name,) in own.execute(used)]
        try:
            own.execute("SET LOCAL session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            return False
        for name in names:
            own.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    return True
