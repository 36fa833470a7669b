import uuid
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bound_contextvars


@sync_and_async_middleware
def request_id(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Gives each request an id: in every log line, and as `x-request-id` in the response."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            with bound_contextvars(request_id=(request_id := _new_id())):
                response: HttpResponse = await get_response(request)
            response["x-request-id"] = request_id
            return response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        with bound_contextvars(request_id=(request_id := _new_id())):
            response: HttpResponse = get_response(request)
        response["x-request-id"] = request_id
        return response

    return synchronous


def _new_id() -> str:
    return f"req_{uuid.uuid4().hex}"
