import uuid
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bind_contextvars, clear_contextvars


@sync_and_async_middleware
def request_id(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Gives each request an id: in every log line, and as `x-request-id` in the response."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            request_id = _begin()
            response: HttpResponse = await get_response(request)
            response["x-request-id"] = request_id
            return response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        request_id = _begin()
        response: HttpResponse = get_response(request)
        response["x-request-id"] = request_id
        return response

    return synchronous


def _begin() -> str:
    """Makes and binds the id. It stays bound, since Django logs a failed request after all middleware."""
    request_id = f"req_{uuid.uuid4().hex}"
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    return request_id
