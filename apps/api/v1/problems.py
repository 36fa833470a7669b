"""Errors of the management API: problem details (RFC 9457)."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from pydantic import BaseModel, Field
from structlog.contextvars import get_contextvars

CONTENT_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(
        description="Where it is in the body or among the parameters; empty: about the whole.",
        examples=["scopes.0"],
    )
    message: str = Field(examples=["Choose at least one scope."])


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it, with a `code` for programs and a `detail` for people."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What is wrong and what to do.")
    code: str = Field(examples=["invalid_request"])
    request_id: str = Field(description="Also in the header x-request-id.", examples=["req_1f0c"])
    errors: list[FieldError] = Field(description="By field, where fields are to blame; else empty.")


class Problem(Exception):
    """Ends an operation; becomes its response."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code
        self.errors, self.headers = errors, headers

    def response(self) -> HttpResponse:
        body = ProblemDetails(
            type="about:blank",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            request_id=get_contextvars().get("request_id", ""),
            errors=list(self.errors),
        )
        return JsonResponse(
            body.model_dump(), status=self.status, content_type=CONTENT_TYPE, headers=self.headers
        )


def not_found(what: str) -> Problem:
    return Problem(404, f"There is no such {what} in this workspace.", code="not_found")


def invalid(errors: Iterable[FieldError]) -> Problem:
    found = list(errors)
    detail = " ".join(error.message for error in found)
    return Problem(422, detail, code="invalid_request", errors=found)


def of_service(error: ValidationError) -> Problem:
    """What a service refuses."""
    if not hasattr(error, "error_dict"):
        return invalid(FieldError(field="", message=message) for message in error.messages)
    return invalid(
        FieldError(field="" if field == NON_FIELD_ERRORS else field, message=message)
        for field, messages in error.message_dict.items()
        for message in messages
    )


def of_shape(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """What does not fit an operation's schema: errors of pydantic, each with the place where ninja found it."""
    return invalid(
        FieldError(field=_field(error["loc"]), message=f"{error['msg'].rstrip('.')}.") for error in errors
    )


def of_page(request: HttpRequest, page: HttpResponse) -> Problem:
    """What Django answers by itself, with a page."""
    status = page.status_code
    if status == 404:
        return Problem(404, f"There is no operation {request.method} {request.path}.", code="unknown_url")
    if status == 405:
        allowed = page.get("allow", "")
        detail = f"{request.method} is not possible here: use {allowed.replace(', ', ' or ')}."
        return Problem(405, detail, code="method_not_allowed", headers={"allow": allowed})
    if status >= 500:
        return server_error(status)
    return Problem(status, f"The request was refused: {page.reason_phrase}.", code="refused")


def server_error(status: int = 500) -> Problem:
    message = "The server had an error; its log has more under the x-request-id."
    return Problem(status, message, code="server_error")


def _field(place: Sequence[str | int]) -> str:
    """`("body", "body", "scopes", 0)` is `scopes.0`: the source and the argument's name are no part of it."""
    parts = list(place[1:])
    if place[0] == "body":
        parts = parts[1:]
    return ".".join(map(str, parts))
