"""Mail by one URL."""

from typing import Any
from urllib.parse import unquote, urlsplit


def mail_settings(url: str | None) -> dict[str, Any]:
    """Django's settings for `smtp://user:password@host:port` (STARTTLS unless `?tls=off`) or `smtps://...`; without
    one, mail is printed on the console."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    implicit = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if implicit else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": implicit,
        "EMAIL_USE_TLS": not implicit and parts.query != "tls=off",
        "EMAIL_TIMEOUT": 10,
    }
