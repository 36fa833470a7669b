"""The JSON body of a request."""

from typing import TypeVar

import msgspec
from django.http import HttpRequest

from antiphon.protocol.codec import explain_mismatch
from apps.api.errors import ApiError

MAX_BYTES = 1 << 20

Shape = TypeVar("Shape")


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
