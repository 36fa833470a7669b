import re
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

_API_PATH = re.compile(r"/(?:api/)?(?:v1|models|realtime)(?:/|$)")
_ALLOWED_HEADER = re.compile(
    r"authorization|content-type|user-agent|api-key|x-openai-agents-sdk|openai-(?:safety-identifier|beta|organization|project)"
    r"|x-stainless-[a-z-]+",
    re.IGNORECASE,
)


@sync_and_async_middleware
def cross_origin(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Lets pages of any origin call the API. The key is in a header, never a cookie: `*` gives nothing away.

    The headers are those that OpenAI's clients and the agents SDK send; the latter reads `Location`.
    """
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            if _is_preflight(request):
                return _preflight(request)
            return _share(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        return _preflight(request) if _is_preflight(request) else _share(request, get_response(request))

    return synchronous


def _is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "access-control-request-method" in request.headers
        and _API_PATH.match(request.path) is not None
    )


def _preflight(request: HttpRequest) -> HttpResponse:
    asked = request.headers.get("access-control-request-headers", "").split(",")
    response = HttpResponse(status=204)
    response["access-control-allow-origin"] = "*"
    response["access-control-allow-methods"] = "GET, POST, OPTIONS"
    response["access-control-allow-headers"] = ", ".join(
        name.strip() for name in asked if _ALLOWED_HEADER.fullmatch(name.strip())
    )
    response["access-control-max-age"] = "600"
    patch_vary_headers(response, ["Access-Control-Request-Headers"])
    return response


def _share(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if _API_PATH.match(request.path):
        response["access-control-allow-origin"] = "*"
        response["access-control-expose-headers"] = "Location, x-request-id"
    return response
