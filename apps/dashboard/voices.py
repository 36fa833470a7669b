"""The voices that a tenant's agents can have."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.agents.offers import ModelOffer, offers_for
from apps.conversations.speaking import voice_sample
from apps.tenants.access import tenant_page
from apps.tenants.models import Tenant
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Voice:
    """`name` is empty where a model takes any voice of its vendor."""

    name: str
    model: ModelOffer

    @property
    def provider(self) -> str:
        return self.model.name.partition("/")[0]

    @property
    def plays(self) -> bool:
        """A model that speaks itself says nothing without a conversation."""
        return self.model.kind == "text_to_speech"


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    text = request.GET.get("q", "").strip().lower()
    provider, language = request.GET.get("provider", ""), request.GET.get("language", "")
    voices = _voices(membership)
    found = [
        voice
        for voice in voices
        if text in f"{voice.name} {voice.model.name}".lower()
        and provider in ("", voice.provider)
        and (not language or language in voice.model.languages or "many" in voice.model.languages)
        and (request.GET.get("usable") != "on" or not voice.model.obstacle)
    ]
    context = {
        "voices": found[:_SHOWN],
        "more": max(0, len(found) - _SHOWN),
        "providers": sorted({voice.provider for voice in voices}),
        "languages": sorted({code for voice in voices for code in voice.model.languages} - {"many"}),
        "asked": {"q": request.GET.get("q", ""), "provider": provider, "language": language},
        "only_usable": request.GET.get("usable") == "on",
    }
    return render(request, "dashboard/voices/page.html", context)


@require_safe
@tenant_page(May.TALK)
def sample(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    model, name = request.GET.get("model", ""), request.GET.get("voice", "")
    if not any(voice.model.name == model and voice.name == name for voice in _voices(membership)):
        raise Http404("No such voice.")
    try:
        spoken = voice_sample(tenant_id=membership.tenant_id, model=model, voice=name)
    except ValidationError as error:
        return HttpResponse(" ".join(error.messages), status=409, content_type="text/plain; charset=utf-8")
    return HttpResponse(spoken, content_type="audio/wav", headers={"cache-control": "private, max-age=3600"})


def _voices(membership: PersonalMembership) -> list[Voice]:
    tenant = Tenant.objects.get(id=membership.tenant_id)
    models = offers_for(tenant, today=timezone.now().date()).of("text_to_speech", "realtime")
    return [Voice(name, model) for model in models for name in model.voices or ("",)]
