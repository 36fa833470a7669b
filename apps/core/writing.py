"""What threads share that write in batches: a connection of their own, and how long they wait for the database."""

from typing import Any

import psycopg
from django.db import connections

from apps.core.tenancy import ACROSS_DATABASE

LONGEST_WAIT = 10.0  # seconds between two tries to reach the database
_FIRST_WAIT = 0.25
_MOST_DOUBLINGS = 10  # after days of failures a power of their number would be no float any more
_WRITERS_OPTIONS = "-c statement_timeout=30s"


def wait_after(failures: int) -> float:
    """Seconds until the next try, after so many in a row failed: twice as long each time, up to LONGEST_WAIT."""
    return float(min(_FIRST_WAIT * 2 ** min(failures - 1, _MOST_DOUBLINGS), LONGEST_WAIT))


def writers_connection(
    name: str, *, options: str = _WRITERS_OPTIONS, silence_ms: int = 10_000
) -> psycopg.Connection[Any]:
    """A connection of its own, which bypasses row security: a batch has rows of many tenants, and COPY is refused
    to a role that row security binds. `name` is what the server lists it as. A server that goes silent holds
    nobody up for ever: `silence_ms`, and a time limit among the `options`, end the wait. Raises psycopg.Error."""
    limits: dict[str, Any] = {"connect_timeout": 3, "tcp_user_timeout": silence_ms, "options": options}
    given = connections[ACROSS_DATABASE].get_connection_params()
    own = {"application_name": name, "cursor_factory": psycopg.Cursor, "autocommit": True}
    return psycopg.connect(**(limits | given | own))
