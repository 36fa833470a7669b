"""What every REST operation has in common: authentication, scopes and the error body of OpenAI's API."""

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from structlog.contextvars import bound_contextvars

from apps.core.tenancy import tenant_context
from apps.keys.models import Scope
from apps.keys.services import KeyGrant, aauthenticate

Operation = Callable[..., Coroutine[Any, Any, HttpResponse]]

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """Becomes the response `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        error_type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "type": error_type, "param": param, "code": code}

    def response(self) -> JsonResponse:
        return JsonResponse({"error": self.body}, status=self.status)


def key_from_headers(headers: Mapping[str, str]) -> str | None:
    """The API key of a request: `Authorization: Bearer <key>`, or Azure's way, `api-key: <key>`."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    return headers.get("api-key") or None


def endpoint(method: str, *, scope: Scope) -> Callable[[Operation], Operation]:
    """Makes `async def operation(request, grant, **path)` a view for callers whose key has the scope."""

    def decorate(operation: Operation) -> Operation:
        @csrf_exempt
        @wraps(operation)
        async def view(request: HttpRequest, **path: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise ApiError(
                        405, f"Use {method} here, not {request.method}.", code="method_not_allowed"
                    )
                grant = await _authorize(request, scope)
                with tenant_context(grant.tenant_id), bound_contextvars(tenant_id=str(grant.tenant_id)):
                    return await operation(request, grant, **path)
            except ApiError as error:
                return error.response()
            except Exception:
                log.exception("api_error")
                return ApiError(
                    500,
                    "The server had an error; its log has more under the x-request-id.",
                    error_type="server_error",
                ).response()

        return view

    return decorate


async def _authorize(request: HttpRequest, scope: Scope) -> KeyGrant:
    key = key_from_headers(request.headers)
    if key is None:
        raise ApiError(
            401, "No API key was given: send it as `Authorization: Bearer <key>`.", code="invalid_api_key"
        )
    grant = await aauthenticate(key)
    if grant is None:
        raise ApiError(
            401, "This API key is not valid: it is wrong, revoked or expired.", code="invalid_api_key"
        )
    if not grant.allows(scope):
        raise ApiError(403, f"This API key lacks the scope {scope.value!r}.", code="insufficient_scope")
    return grant
