"""What an agent can be made of: the models and voices that its tenant can use now, and those that want a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from antiphon.config.env import env
from antiphon.config.inference import default_models, platform_providers
from antiphon.providers.base.provider import Provider
from antiphon.providers.catalogue import loader as catalogue
from antiphon.providers.catalogue.entries import Kind, RealtimeEntry
from antiphon.providers.registry import Defaults
from antiphon.providers.routing.format import PREFIX, Router, kind_of_router
from apps.agents.estimates import UsedModels
from apps.agents.spec import AgentSpec
from apps.credentials.selectors import providers_of
from apps.routers.selectors import routers_of
from apps.tenants.models import Tenant

_EMBEDDED = "local"


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """`obstacle` says what has to be done before it can be used; empty, it can. `voices`: the default first."""

    name: str
    kind: Kind
    obstacle: str = ""
    voices: Sequence[str] = ()
    languages: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Offers:
    models: Sequence[ModelOffer]
    defaults: Defaults
    routers: Mapping[str, Router]

    def of(self, *kinds: Kind) -> list[ModelOffer]:
        """Those that can be used first."""
        return sorted(
            (model for model in self.models if model.kind in kinds),
            key=lambda model: (bool(model.obstacle), model.name),
        )

    def used_by(self, spec: AgentSpec) -> UsedModels:
        model = spec.model.name or self.defaults.language_model
        return UsedModels(
            language=self._behind(model),
            recogniser=self._behind(spec.hearing.model or self.defaults.speech_to_text),
            voice=self._behind(spec.voice.model or self.defaults.text_to_speech),
            speaks_itself=isinstance(catalogue.find(model), RealtimeEntry),
        )

    def _behind(self, name: str) -> Sequence[str]:
        router = self.routers.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        return router.models if router is not None else (name,)


def offers_for(tenant: Tenant, *, today: date) -> Offers:
    """Two queries."""
    providers = {**platform_providers(env()), **providers_of(tenant.id)}
    routers = routers_of(tenant.id)
    found = {(offer.name, offer.kind): offer for offer in _of_catalogue(providers, today)}
    for provider in providers.values():
        for service in provider.services:
            for model, voices in service.models.items():
                name = f"{provider.slug}/{model}"
                offer = ModelOffer(name, service.kind, provider.obstacle or "", tuple(voices))
                found.setdefault((name, service.kind), offer)
    for name, router in routers.items():
        kind = kind_of_router(router)
        found[PREFIX + name, kind] = ModelOffer(PREFIX + name, kind)
    return Offers(list(found.values()), _defaults(tenant), routers)


def _of_catalogue(providers: Mapping[str, Provider], today: date) -> list[ModelOffer]:
    offers = []
    for entry in catalogue.entries():
        provider = providers.get(entry.provider)
        if entry.lifecycle_on(today) == "retired" or (provider is None and entry.provider != _EMBEDDED):
            continue
        obstacle = (provider.obstacle or "") if provider else ""
        offers.append(ModelOffer(entry.name, entry.kind, obstacle, entry.voices, entry.languages))
    return offers


def _defaults(tenant: Tenant) -> Defaults:
    usual = default_models(env(), ())
    return Defaults(
        tenant.default_model or usual.language_model,
        tenant.default_transcription_model or usual.speech_to_text,
        tenant.default_speech_model or usual.text_to_speech,
    )
