"""Names of tenants: DNS labels that are not addresses of the platform."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import URLPattern, get_resolver

from apps.tenants.slugs import check_slug, reserved_slugs


@pytest.mark.parametrize("slug", ["acme", "a", "7-eleven", "x" * 63])
def test_a_dns_label_is_a_name(slug: str) -> None:
    check_slug(slug)


@pytest.mark.parametrize("slug", ["", "-acme", "acme-", "Acme", "ac_me", "a.b", "acme\n", "é"])
def test_what_is_no_dns_label_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError, match="lower-case"):
        check_slug(slug)


@pytest.mark.parametrize("slug", ["staff", "static", "v1", "api", "models", "dashboard", "realtime", "www"])
def test_an_address_of_the_platform_is_no_name(slug: str) -> None:
    with pytest.raises(ValidationError, match="platform"):
        check_slug(slug)


def test_every_address_of_the_platform_is_reserved() -> None:
    """Asked the other way round: of each reserved or free word, which address does it lead to?"""
    resolver = get_resolver()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            first = str(pattern.pattern).strip("^$").split("/")[0]
            assert not first.isalpha() or first in reserved_slugs(), pattern
