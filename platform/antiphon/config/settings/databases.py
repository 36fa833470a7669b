"""One PostgreSQL database under two roles: `default` is bound by row security, `across` is not."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def database(url: str, *, pool: dict[str, int] | None = None) -> dict[str, Any]:
    """Django's settings for a `postgresql://` URL; what Django has no name for goes to libpq as it is.

    Without an URL every connection fails at once, rather than reach some other server of this machine. Raises
    `psycopg.ProgrammingError` for an URL that libpq can't read.
    """
    if not url:
        url, pool = "postgresql://?host=/nonexistent", None
    parts = conninfo_to_dict(url)
    named = {
        "NAME": parts.pop("dbname", "antiphon"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
    }
    options = {**parts, "pool": pool} if pool else dict(parts)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        # A pooled connection that a restart of the server broke is replaced before it is used: one round trip.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        **named,
    }
