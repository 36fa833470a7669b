"""What every REST operation has in common: authentication, scopes and errors."""

from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from structlog.contextvars import bound_contextvars

from antiphon.protocol.errors import Refused
from apps.api.errors import ApiError, server_error
from apps.core.tenancy import tenant_context
from apps.keys.authentication import KeyGrant, KeyRefused, authenticate
from apps.keys.callers import Caller
from apps.keys.credentials import key_from_headers
from apps.keys.models import Scope
from apps.limits.requests import Allowance, TooManyRequests, request_take

Operation = Callable[..., Coroutine[Any, Any, HttpResponse]]

log = structlog.get_logger(__name__)


def endpoint(method: str, *, scope: Scope) -> Callable[[Operation], Operation]:
    """Makes `async def operation(request, grant, **path)` a view for callers whose API key has the scope."""
    methods = ("GET", "HEAD") if method == "GET" else (method,)

    def decorate(operation: Operation) -> Operation:
        @csrf_exempt
        @wraps(operation)
        async def view(request: HttpRequest, **path: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise wrong_method(request, methods)
                grant, allowance = await _authorize(request, scope)
                with tenant_context(grant.tenant_id), bound_contextvars(tenant_id=str(grant.tenant_id)):
                    response = await _carried_out(operation(request, grant, **path))
                for header, value in allowance.headers.items():
                    response[header] = value
                return response
            except ApiError as error:
                return error.response()
            except Exception:
                log.exception("api_error")
                return server_error().response()

        return view

    return decorate


def wrong_method(request: HttpRequest, methods: Sequence[str]) -> ApiError:
    return ApiError(
        405,
        f"Use {methods[0]} here, not {request.method}.",
        code="method_not_allowed",
        headers={"allow": ", ".join(methods)},
    )


async def _carried_out(operation: Coroutine[Any, Any, HttpResponse]) -> HttpResponse:
    try:
        return await operation
    except ApiError as error:
        return error.response()
    except Refused as refused:
        return ApiError.of(refused).response()


async def _authorize(request: HttpRequest, scope: Scope) -> tuple[KeyGrant, Allowance]:
    """Whose request it is, counted. Raises ApiError."""
    key = key_from_headers(request.headers)
    if key is None:
        raise ApiError(
            401, "No API key was given: send it as `Authorization: Bearer <key>`.", code="invalid_api_key"
        )
    authorized = database_sync_to_async(_authorized, thread_sensitive=False)
    found: tuple[KeyGrant, Allowance] = await authorized(key, Caller.of_request(request), scope)
    return found


def _authorized(key: str, caller: Caller, scope: Scope) -> tuple[KeyGrant, Allowance]:
    """Raises ApiError."""
    try:
        grant = authenticate(key, caller)
    except KeyRefused as refused:
        raise ApiError(401, str(refused), code="invalid_api_key") from None
    if grant.client_secret_id is not None:
        message = "A client secret only opens realtime sessions: use an API key here."
        raise ApiError(403, message, code="insufficient_scope")
    if not grant.allows(scope):
        raise ApiError(403, f"This API key lacks the scope {scope.value!r}.", code="insufficient_scope")
    try:
        return grant, request_take(grant)
    except TooManyRequests as refused:
        raise ApiError(429, str(refused), code="rate_limit_exceeded", headers=refused.headers) from None
