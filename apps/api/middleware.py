import re
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from apps.api.errors import ApiError, server_error, unknown_url
from apps.api.paths import API_PATH, MANAGEMENT_PATH
from apps.api.v1 import problems

_ALLOWED_HEADER = re.compile(
    r"authorization|content-type|user-agent|api-key|x-openai-agents-sdk|openai-(?:safety-identifier|beta|organization|project)"
    r"|x-stainless-[a-z-]+|idempotency-key",
    re.IGNORECASE,
)

_OURS = ("application/json", problems.CONTENT_TYPE)
_EXPOSED = (
    "Location, Retry-After, idempotent-replayed, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    "x-ratelimit-reset-requests, x-request-id"
)


@sync_and_async_middleware
def api_responses(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Makes what leaves the API's paths readable for its clients.

    Pages of any origin may call it: the key is in a header, never a cookie, so `*` gives nothing away. The headers
    are those that OpenAI's clients and the agents SDK send; the latter reads `Location`. Errors that Django answers
    by itself, with a page, get the API's body, which for the management API is another.
    """
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            if _is_preflight(request):
                return _preflight(request)
            return _finish(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        return _preflight(request) if _is_preflight(request) else _finish(request, get_response(request))

    return synchronous


def _is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "access-control-request-method" in request.headers
        and API_PATH.match(request.path) is not None
    )


def _preflight(request: HttpRequest) -> HttpResponse:
    asked = request.headers.get("access-control-request-headers", "").split(",")
    response = HttpResponse(status=204)
    response["access-control-allow-origin"] = "*"
    response["access-control-allow-methods"] = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    response["access-control-allow-headers"] = ", ".join(
        name.strip() for name in asked if _ALLOWED_HEADER.fullmatch(name.strip())
    )
    response["access-control-max-age"] = "600"
    patch_vary_headers(response, ["Access-Control-Request-Headers"])
    return response


def _finish(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if API_PATH.match(request.path):
        if response.status_code >= 400 and response.get("content-type") not in _OURS:
            response = _as_error(request, response)
        response["access-control-allow-origin"] = "*"
        response["access-control-expose-headers"] = _EXPOSED
    return response


def _as_error(request: HttpRequest, page: HttpResponse) -> HttpResponse:
    if MANAGEMENT_PATH.match(request.path):
        return problems.of_page(request, page).response()
    return _as_api_error(request, page).response()


def _as_api_error(request: HttpRequest, page: HttpResponse) -> ApiError:
    if page.status_code == 404:
        return unknown_url(request)
    if page.status_code >= 500:
        return server_error(page.status_code)
    return ApiError(page.status_code, f"The request was refused: {page.reason_phrase}.")
