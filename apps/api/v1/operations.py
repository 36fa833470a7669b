"""What every operation of the management API has in common."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router
from ninja.decorators import decorate_view
from structlog.contextvars import bound_contextvars

from apps.api.v1.auth import authorise
from apps.api.v1.body import refuse_nul
from apps.api.v1.idempotency import HEADER, PATTERN, once
from apps.api.v1.problems import CONTENT_TYPE, Problem
from apps.audit.acting import Actor, acting, client_address
from apps.core.tenancy import tenant_context
from apps.keys.models import Scope
from apps.limits.requests import TooManyRequests, request_take

View = TypeVar("View", bound=Callable[..., Any])
Run = Callable[..., HttpResponseBase]

_PROBLEMS = {
    400: "The body is no JSON.",
    401: "No API key, or one that is not valid here.",
    403: "The API key lacks the scope.",
    404: "There is no such thing in this workspace.",
    409: f"Somebody else changed it meanwhile, or a request with the same {HEADER} is being carried out.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "The request is understood but not possible; `errors` says which fields are to blame.",
    429: "The API key made too many requests; `Retry-After` says how many seconds to wait.",
    500: "An error of ours.",
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PATTERN},
    "description": "Any unique text. The same request sent again with it within 24 hours is carried out once.",
}


class Area(Router):
    """The operations on one kind of thing."""

    def __init__(self, tag: str) -> None:
        super().__init__(tags=[tag])

    def operation(
        self, method: str, path: str, name: str, *, scope: Scope, response: Any, status: int = 200
    ) -> Callable[[View], View]:
        """Makes `def view(request, ...)` the operation `name` for keys with the scope. The first line of its
        docstring is what it does. It runs as the key's tenant, and what it changes is noted as the key's doing."""

        def decorate(view: View) -> View:
            decorate_view(_guarded(name, scope))(view)
            summary, _, more = (view.__doc__ or "").partition("\n")
            self.add_api_operation(
                path,
                [method],
                view,
                operation_id=name,
                summary=summary.strip().rstrip("."),
                description=f"{' '.join(more.split())}\n\nNeeds the scope `{scope.value}`.".strip(),
                response={status: response},
                openapi_extra=_extra(method, path, scope),
            )
            return view

        return decorate


def _guarded(name: str, scope: Scope) -> Callable[[Run], Run]:
    def decorate(run: Run) -> Run:
        @wraps(run)
        def guarded(request: HttpRequest, **path: Any) -> HttpResponseBase:
            try:
                return _run(request, name, scope, lambda: run(request, **path))
            except Problem as problem:
                return problem.response()

        return guarded

    return decorate


def _run(
    request: HttpRequest, name: str, scope: Scope, run: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Raises Problem for what keeps it from being run."""
    refuse_nul(request)
    grant = authorise(request, scope)
    assert grant.key_id is not None  # client secrets are refused
    try:
        allowance = request_take(grant)
    except TooManyRequests as refused:
        raise Problem(429, str(refused), code="rate_limit_exceeded", headers=refused.headers) from None
    request.grant = grant  # type: ignore[attr-defined]
    actor = Actor.key(grant.key_id, grant.key_name, address=client_address(request))
    with (
        tenant_context(grant.tenant_id),
        bound_contextvars(tenant_id=str(grant.tenant_id)),
        acting(actor),
    ):
        response = once(request, grant, name, run)
    for header, value in allowance.headers.items():
        response[header] = value
    return response


def _extra(method: str, path: str, scope: Scope) -> dict[str, Any]:
    """What the schema says besides."""
    possible = {401, 403, 422, 429, 500}
    possible |= {404} if "{" in path else set()
    possible |= {400, 413, 415} if method in ("POST", "PUT", "PATCH") else set()
    possible |= {409} if method in ("POST", "PUT") else set()
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    extra: dict[str, Any] = {
        "security": [{"ApiKey": [scope.value]}],
        "responses": {
            status: {"description": _PROBLEMS[status], "content": content} for status in sorted(possible)
        },
    }
    if method == "POST":
        extra["parameters"] = [_IDEMPOTENCY_KEY]
    return extra
