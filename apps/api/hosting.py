"""The layer in front of everything that knows whose endpoint was addressed."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from apps.api.paths import API_PATH
from apps.keys.callers import ENDPOINT
from apps.tenants.endpoints import slug_in_path, slug_of_host

Application = Callable[[Any, Any, Any], Awaitable[None]]


def hosted_endpoints(application: Application) -> Application:
    """Tells the application, by `ENDPOINT` in the scope, whose endpoint a request of the API is for, and takes that
    out of its path. What is no part of the API leads from a tenant's host to the platform's."""

    async def hosted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
        elif slug := slug_of_host(_header(scope, b"host")):
            if scope["type"] == "http" and not API_PATH.match(scope["path"]):
                await _redirect(scope, send)
            else:
                await application({**scope, ENDPOINT: slug}, receive, send)
        else:
            await application(_within_endpoint(scope), receive, send)

    return hosted


def _within_endpoint(scope: Any) -> Any:
    found = slug_in_path(scope["path"])
    if found is None or not API_PATH.match(found[1]):
        return scope
    slug, path = found
    return {**scope, ENDPOINT: slug, "path": path, "raw_path": path.encode()}


async def _redirect(scope: Any, send: Any) -> None:
    port = _header(scope, b"host").partition(":")[2]
    seen = f"{scope['scheme']}://{settings.TENANT_DOMAIN}" + (f":{port}" if port else "")
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", b"").decode("latin-1") or "/"
    location = (settings.PUBLIC_URL or seen) + path + (f"?{query}" if query else "")
    headers = [(b"location", location.encode("latin-1")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 302, "headers": headers})
    await send({"type": "http.response.body"})


def _header(scope: Any, name: bytes) -> str:
    value: bytes = next((value for found, value in scope["headers"] if found == name), b"")
    return value.decode("latin-1")
