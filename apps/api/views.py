from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from msgspec import structs

from antiphon.protocol.dialects.beta import beta_session
from antiphon.protocol.dialects.beta_shapes import ShownSecret
from antiphon.protocol.session import SessionKind
from apps.api.body import read_json
from apps.api.endpoint import endpoint, wrong_method
from apps.api.errors import ApiError, unknown_url
from apps.api.schemas import BetaSecret, ExpiresAfter, NewBetaSession, NewClientSecret
from apps.conversations.calls import NoSuchCall
from apps.conversations.directory import OutOfReach
from apps.conversations.model_list import ModelInfo, model_list
from apps.conversations.presets import CheckedPreset, preset_check
from apps.conversations.runtime import calls
from apps.core.headers import header_text
from apps.core.health import failing_parts
from apps.keys.authentication import KeyGrant
from apps.keys.credentials import key_from_headers
from apps.keys.models import ClientSecret, Scope
from apps.keys.services import aclient_secret_create
from apps.usage.presenting import present_model
from apps.usage.selectors import KINDS, listed_models
from apps.usage.views import models_page


@endpoint("GET", scope=Scope.MODELS)
async def models(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    return JsonResponse({"object": "list", "data": [_present(model) for model in await model_list(grant)]})


async def models_or_page(request: HttpRequest) -> HttpResponse:
    """For people the page of all models; for clients without the version in their base URL, those they can use."""
    for_people = (
        "text/html" in request.headers.get("accept", "") and key_from_headers(request.headers) is None
    )
    response: HttpResponse = await (sync_to_async(models_page) if for_people else models)(request)
    patch_vary_headers(response, ["Accept", "Authorization", "Api-Key"])
    return response


@csrf_exempt
async def catalogue(request: HttpRequest) -> HttpResponse:
    """All models that are described, with what they cost: the same for everybody, with or without a key."""
    if request.method not in ("GET", "HEAD"):
        return wrong_method(request, ("GET", "HEAD")).response()
    kind, provider = request.GET.get("kind"), request.GET.get("provider")
    if kind is not None and kind not in KINDS:
        message = f"There is no kind {kind!r} of models: use one of {', '.join(KINDS)}."
        return ApiError(400, message, code="invalid_value", param="kind").response()
    found = listed_models(kind=kind, provider=provider)
    response = JsonResponse({"object": "list", "data": [present_model(model) for model in found]})
    response["cache-control"] = "public, max-age=300"
    return response


@endpoint("GET", scope=Scope.MODELS)
async def model(request: HttpRequest, grant: KeyGrant, model_id: str) -> HttpResponse:
    for found in await model_list(grant):
        if found.id == model_id:
            return JsonResponse(_present(found))
    raise ApiError(404, f"The model {model_id!r} does not exist.", code="model_not_found", param="model")


@endpoint("POST", scope=Scope.REALTIME)
async def hang_up(request: HttpRequest, grant: KeyGrant, call_id: str) -> HttpResponse:
    try:
        customer_id = str(grant.customer.id) if grant.customer else ""
        await calls.hang_up(call_id, str(grant.tenant_id), customer_id)
    except NoSuchCall:
        raise ApiError(
            404, f"There is no call {call_id!r}, or not any more.", code="invalid_call_id", param="call_id"
        ) from None
    except OutOfReach:
        raise ApiError(503, "The call could not be reached; try again.", error_type="server_error") from None
    return HttpResponse()


@endpoint("POST", scope=Scope.REALTIME)
async def client_secrets(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    asked = read_json(request, NewClientSecret)
    preset = await preset_check(asked.session or {}, grant)
    value, expires_at = await _mint(request, grant, preset, asked.expires_after)
    return _json({"value": value, "expires_at": expires_at, "session": preset.session})


@endpoint("POST", scope=Scope.REALTIME)
async def beta_sessions(request: HttpRequest, grant: KeyGrant, kind: SessionKind) -> HttpResponse:
    asked = read_json(request, NewBetaSession)
    settings = msgspec.to_builtins(structs.replace(asked.nested(), type=kind))
    preset = await preset_check(settings, grant, "beta")
    secret = asked.client_secret or BetaSecret()
    value, expires_at = await _mint(request, grant, preset, secret.expires_after or secret.expires_at)
    shown = ShownSecret(value=value, expires_at=expires_at)
    return _json(structs.replace(beta_session(preset.session), client_secret=shown))


@csrf_exempt
async def unknown(request: HttpRequest) -> HttpResponse:
    return unknown_url(request).response()


async def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process answers."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the process should get new work."""
    failing = await failing_parts()
    if failing:
        return JsonResponse({"status": "unavailable", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})


async def _mint(
    request: HttpRequest, grant: KeyGrant, preset: CheckedPreset, expires: ExpiresAfter | None
) -> tuple[str, int]:
    """A new client secret, and when it expires, in unix seconds."""
    assert grant.key_id is not None  # client secrets don't get here
    created = await aclient_secret_create(
        key_id=grant.key_id,
        session_preset=preset.text,
        expires_after=timedelta(seconds=(expires or ExpiresAfter()).seconds),
        safety_identifier=_safety_identifier(request),
        customer_id=preset.customer_id,
    )
    return created.text, int(created.secret.expires_at.timestamp())


def _safety_identifier(request: HttpRequest) -> str:
    """Who will use the client secret, as OpenAI's clients tell it; empty if they don't."""
    given = header_text(request.headers.get("openai-safety-identifier", "")).strip()
    limit = ClientSecret.SAFETY_IDENTIFIER_LENGTH
    if len(given) > limit:
        message = (
            f"The header OpenAI-Safety-Identifier has {len(given)} characters; at most {limit} are taken."
        )
        raise ApiError(400, message, code="string_above_max_length", param="OpenAI-Safety-Identifier")
    return given


def _json(body: Any) -> HttpResponse:
    """For bodies with Structs of the protocol in them."""
    return HttpResponse(msgspec.json.encode(body), content_type="application/json")


def _present(model: ModelInfo) -> dict[str, Any]:
    """A date of shutdown is there only if one is known."""
    fields = {name: value for name, value in asdict(model).items() if value is not None}
    return {"object": "model", **fields}
