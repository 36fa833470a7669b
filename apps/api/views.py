from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from apps.api.endpoint import ApiError, endpoint
from apps.conversations.calls import NoSuchCall
from apps.conversations.directory import OutOfReach
from apps.conversations.runtime import calls
from apps.conversations.selectors import ModelInfo, model_list
from apps.core.health import failing_parts
from apps.keys.models import Scope
from apps.keys.services import KeyGrant


@endpoint("GET", scope=Scope.MODELS)
async def models(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    return JsonResponse({"object": "list", "data": [_present(model) for model in await model_list(grant)]})


@endpoint("GET", scope=Scope.MODELS)
async def model(request: HttpRequest, grant: KeyGrant, model_id: str) -> HttpResponse:
    for found in await model_list(grant):
        if found.id == model_id:
            return JsonResponse(_present(found))
    raise ApiError(404, f"The model {model_id!r} does not exist.", code="model_not_found", param="model")


@endpoint("POST", scope=Scope.REALTIME)
async def hang_up(request: HttpRequest, grant: KeyGrant, call_id: str) -> HttpResponse:
    try:
        await calls.hang_up(call_id, str(grant.tenant_id))
    except NoSuchCall:
        raise ApiError(
            404, f"There is no call {call_id!r}, or not any more.", code="invalid_call_id", param="call_id"
        ) from None
    except OutOfReach:
        raise ApiError(503, "The call could not be reached; try again.", error_type="server_error") from None
    return HttpResponse()


@csrf_exempt
async def unknown(request: HttpRequest) -> HttpResponse:
    return ApiError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url").response()


async def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process answers."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the process should get new work."""
    failing = await failing_parts()
    if failing:
        return JsonResponse({"status": "unavailable", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})


def _present(model: ModelInfo) -> dict[str, Any]:
    return {"object": "model", **asdict(model)}
