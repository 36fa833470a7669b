"""Each tenant's own endpoint: `/t/<slug>/v1/...` of the platform, and `<slug>.<TENANT_DOMAIN>/v1/...`."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from apps.tenants.slugs import PREFIX, reserved_slugs

_PATH = re.compile(rf"/{PREFIX}/(?P<slug>[a-z0-9-]{{1,40}})(?P<rest>/.*)")
_HOST = re.compile(r"(?P<slug>[a-z0-9-]{1,40})\.(?P<domain>[a-z0-9.-]+?)\.?(?::\d+)?")


@dataclass(frozen=True, slots=True)
class EndpointUrls:
    """For pages to show. `base` is what clients of OpenAI take as their base URL, and `own_host` the same on a host
    name of the tenant's own, where there are such; `websocket` is for clients that open the socket themselves,
    `inworld` for Inworld's."""

    base: str
    own_host: str | None
    websocket: str
    inworld: str


def endpoint_urls(slug: str, request: HttpRequest) -> EndpointUrls:
    platform = platform_url(request.build_absolute_uri("/"))
    at = f"{platform}/{PREFIX}/{slug}"
    scheme, host = platform.split("://")
    port = urlsplit(platform).port
    own = f"{slug}.{settings.TENANT_DOMAIN}" + (f":{port}" if port else "")
    socket = f"{scheme.replace('http', 'ws')}://{host}/{PREFIX}/{slug}"
    return EndpointUrls(
        base=f"{at}/v1",
        own_host=f"{scheme}://{own}/v1" if settings.TENANT_DOMAIN else None,
        websocket=f"{socket}/v1/realtime",
        inworld=f"{socket}/api/v1/realtime/session",
    )


def platform_url(seen: str) -> str:
    """The address that people use, without a slash at its end: as it is set, else as it was `seen` by a request."""
    return settings.PUBLIC_URL or seen.rstrip("/")


def slug_in_path(path: str) -> tuple[str, str] | None:
    """The tenant whose endpoint a path addresses, and the rest of the path."""
    found = _PATH.fullmatch(path)
    return (found["slug"], found["rest"]) if found else None


def slug_of_host(host: str) -> str | None:
    """The tenant whose endpoint a `Host` header addresses."""
    found = _HOST.fullmatch(host.lower())
    if not found or found["domain"] != settings.TENANT_DOMAIN or found["slug"] in reserved_slugs():
        return None
    is_the_platforms = urlsplit(settings.PUBLIC_URL).hostname == f"{found['slug']}.{found['domain']}"
    return None if is_the_platforms else found["slug"]
