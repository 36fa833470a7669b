"""The two database roles, made on a server where we are the superuser.

`antiphon` owns the database and its tables and is bound by row security (FORCE binds owners too).
`antiphon_across` has BYPASSRLS and inherits the rights of `antiphon`, so it reaches every present and future
table, also in the test database. Membership goes one way: `antiphon` can't become `antiphon_across`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

DATABASE = "antiphon"
APP_ROLE = "antiphon"
ACROSS_ROLE = "antiphon_across"

ROLES_SQL = f"""\
CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB PASSWORD '...';
CREATE ROLE {ACROSS_ROLE} LOGIN NOSUPERUSER BYPASSRLS PASSWORD '...';
GRANT {APP_ROLE} TO {ACROSS_ROLE};
CREATE DATABASE {DATABASE} OWNER {APP_ROLE};"""
"""What an administrator runs once on a server that is not ours; `prepare_roles` does the same."""


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`app` is bound by row security (DATABASE_URL), `across` is not (ACROSS_DATABASE_URL)."""

    app: str
    across: str


def prepare_roles(superuser_url: str) -> DatabaseUrls:
    """Makes the roles and the database if they are missing, and resets the attributes of the roles.

    The roles have a password if the superuser's URL has one, derived from it, so that every process gets the
    same URLs. Without one the server is expected to trust its unix socket.
    Raises `psycopg.OperationalError` when the server can't be reached.
    """
    server = conninfo_to_dict(superuser_url)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role, attributes in ((APP_ROLE, "NOBYPASSRLS CREATEDB"), (ACROSS_ROLE, "BYPASSRLS NOCREATEDB")):
            _prepare_role(connection, role, f"LOGIN NOSUPERUSER {attributes}", _password(server, role))
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP_ROLE), sql.Identifier(ACROSS_ROLE))
        )
        if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(APP_ROLE)
                )
            )
    return DatabaseUrls(app=_url(server, APP_ROLE), across=_url(server, ACROSS_ROLE))


def _prepare_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, attributes: str, password: str | None
) -> None:
    known = _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role)
    connection.execute(
        sql.SQL("{} ROLE {} {} PASSWORD {}").format(
            sql.SQL("ALTER" if known else "CREATE"),
            sql.Identifier(role),
            sql.SQL(attributes),
            sql.Literal(password),
        )
    )


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _password(server: Mapping[str, object], role: str) -> str | None:
    secret = server.get("password")
    if secret is None:
        return None
    return hmac.new(str(secret).encode(), f"role:{role}".encode(), hashlib.sha256).hexdigest()


def _url(server: Mapping[str, object], role: str) -> str:
    password = _password(server, role)
    user = role if password is None else f"{role}:{password}"
    keep = {name: str(value) for name, value in server.items() if name not in ("user", "password", "dbname")}
    return f"postgresql://{user}@/{quote(DATABASE)}?{urlencode(keep, quote_via=quote)}"
