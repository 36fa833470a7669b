"""Addresses that leave the platform, in mails and in what people copy."""

from allauth.core import context
from django.conf import settings

from antiphon.config.env import env


def site_url(path: str) -> str:
    """The full address of a path: under PUBLIC_URL, else under the address that the present request used."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    if context.request is not None:
        return str(context.request.build_absolute_uri(path))
    return f"http://localhost:{env().port}{path}"
