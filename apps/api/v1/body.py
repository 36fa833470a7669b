"""How operations read their parameters."""

from typing import Any

import msgspec
from django.http import HttpRequest
from ninja.parser import Parser

from apps.api.body import MAX_BYTES
from apps.api.v1.problems import FieldError, Problem, invalid

_NUL = "A text has a NUL character in it: remove it."


class StrictParser(Parser):
    """Takes JSON of at most MAX_BYTES, without what no database can keep."""

    def parse_body(self, request: HttpRequest) -> Any:
        if len(request.body) > MAX_BYTES:
            raise Problem(413, f"The body is larger than {MAX_BYTES} bytes.", code="request_too_large")
        if request.content_type != "application/json":
            detail = f"Send the body as `Content-Type: application/json`, not {request.content_type!r}."
            raise Problem(415, detail, code="unsupported_media_type")
        try:
            body = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail = f"The body could not be parsed as JSON: {error}."
            raise Problem(400, detail, code="invalid_json") from None
        if place := _nul_in(body, ()):
            raise invalid([FieldError(field=".".join(place), message=_NUL)])
        return body


def refuse_nul(request: HttpRequest) -> None:
    """Raises Problem for a NUL in the path or a parameter."""
    if "\0" in request.path:
        raise Problem(404, f"There is no operation {request.method} at this path.", code="unknown_url")
    for name, values in request.GET.lists():
        if "\0" in name or any("\0" in value for value in values):
            raise invalid([FieldError(field=name.replace("\0", ""), message=_NUL)])


def _nul_in(value: Any, place: tuple[str, ...]) -> tuple[str, ...] | None:
    """Where a text has one."""
    if isinstance(value, str):
        return (place or ("",)) if "\0" in value else None
    if isinstance(value, list):
        found = (_nul_in(item, (*place, str(index))) for index, item in enumerate(value))
    elif isinstance(value, dict):
        found = (
            _nul_in(name, place) or _nul_in(item, (*place, name.replace("\0", "")))
            for name, item in value.items()
        )
    else:
        return None
    return next(filter(None, found), None)
