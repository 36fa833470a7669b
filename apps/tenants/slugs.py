"""Which names a tenant may have: DNS labels that no page and no host of the platform has already."""

import re
from collections.abc import Iterator
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.urls import get_resolver

# RFC 1035, section 2.3.1, but as RFC 1123 allows it may begin with a digit.
is_dns_label = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z", "Use lower-case letters, digits and inner hyphens."
)
PREFIX = "t"  # before a tenant's name in the path of its endpoint
_HOSTS = frozenset(
    {"www", "api", "app", "mail", "smtp", "ns1", "ns2", "status", "docs", "help", "blog", "cdn"}
)
_OPTIONAL = re.compile(r"\(\?:([^()|]+)\)\?")
_FIRST = re.compile(r"\^?([a-z0-9_-]+)(?=[/?$\\]|\Z)")


@cache
def reserved_slugs() -> frozenset[str]:
    """The first parts of the platform's own addresses, from the URL configuration, and usual names of hosts."""
    own = {settings.STATIC_URL.strip("/"), PREFIX}
    for pattern in get_resolver().url_patterns:
        own.update(_first_parts(_source(pattern)))
        if _source(pattern) in ("", "^"):
            for inner in getattr(pattern, "url_patterns", ()):
                own.update(_first_parts(_source(inner)))
    return frozenset(own | _HOSTS)


def check_slug(slug: str) -> None:
    """Raises ValidationError."""
    is_dns_label(slug)
    if slug in reserved_slugs():
        raise ValidationError(f"The name {slug!r} is taken by the platform itself: choose another.")


def _source(pattern: object) -> str:
    return str(pattern.pattern)  # type: ignore[attr-defined]


def _first_parts(source: str) -> Iterator[str]:
    """Of a route or a regular expression: `^(?:v1/)?models/` has two, `<slug:slug>/` none."""
    for text in (_OPTIONAL.sub("", source), _OPTIONAL.sub(r"\1", source)):
        if match := _FIRST.match(text.replace("(?:/.*)", "/")):
            yield match[1]
