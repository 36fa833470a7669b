"""The body of a request: how large it may be, and JSON."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest

from antiphon.protocol.mismatch import explain_mismatch
from apps.api.errors import ApiError
from apps.api.paths import LIMITED_PATH

MAX_BYTES = 1 << 20

Application = Callable[[Any, Any, Any], Awaitable[None]]
Shape = TypeVar("Shape")


def limit_body(application: Application) -> Application:
    """Passes one byte more than MAX_BYTES of a request to the API on, by which a view sees that it is too large.
    Django alone would write any body to disk first, whoever sends it."""

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        left = MAX_BYTES + 1

        async def receive_limited() -> Any:
            nonlocal left
            message = await receive()
            while left == 0 and message["type"] == "http.request":
                message = await receive()
            if message["type"] != "http.request":
                return message
            body = message.get("body", b"")[:left]
            left -= len(body)
            return {**message, "body": body, "more_body": left > 0 and message.get("more_body", False)}

        is_limited = scope["type"] == "http" and LIMITED_PATH.match(scope["path"])
        await application(scope, receive_limited if is_limited else receive, send)

    return limited


def read_json(request: HttpRequest, shape: type[Shape]) -> Shape:
    """An absent body is an empty object. Raises ApiError with status 400, 413 or 415, and Refused for JSON that
    does not fit the shape."""
    body = _read(request)
    if body and request.content_type not in ("", "application/json"):
        raise ApiError(
            415,
            f"Send the body as `Content-Type: application/json`, not {request.content_type}.",
            code="unsupported_media_type",
        )
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise explain_mismatch(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"The body could not be parsed as JSON: {error}.", code="invalid_json") from None


def _read(request: HttpRequest) -> bytes:
    body: bytes = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ApiError(413, f"The body is larger than {MAX_BYTES} bytes.", code="request_too_large")
    return body
