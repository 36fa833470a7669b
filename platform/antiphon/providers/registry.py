"""Finds models by the names that sessions use: `provider/model`."""

import asyncio
import copy
import re
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from antiphon.engine.ports import UnknownModel
from antiphon.providers.adapters import adapter
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LanguageModel, LlmCapabilities
from antiphon.providers.base.provider import Kind, Provider, Service
from antiphon.providers.base.realtime import RealtimeCapabilities, RealtimeModel
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech
from antiphon.providers.routing.format import PREFIX
from antiphon.providers.routing.routers import ROUTED, Routers

_OTHERS = re.compile(r"gpt-([\w.]+-)*realtime(-[\w.]+)*|inworld/.+")  # OpenAI's own models, Inworld's routers
AGENT = "agent"  # in the place of a provider: the host resolves these names
_WHERE_AGENTS_ARE_NAMED = (
    "An agent is chosen when its session opens: name it as the `model` in the URL or in the client secret."
)
_KIND_WORDS: Mapping[Kind, str] = {
    "language": "language models",
    "speech_to_text": "recognisers",
    "text_to_speech": "voices",
    "realtime": "speech to speech models",
}


def stands_for_default(name: str) -> bool:
    """Whether only OpenAI or Inworld has this model: an unmodified client asks for it, and gets the default."""
    return _OTHERS.fullmatch(name) is not None


class Named(Protocol):
    @property
    def name(self) -> str: ...


Engine = TypeVar("Engine", bound=Named)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Full names, used where a session names none, or one that only OpenAI has."""

    language_model: str
    speech_to_text: str
    text_to_speech: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    name: str
    provider: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model at a provider beyond its name. `voices`: its default first."""

    capabilities: LlmCapabilities | None = None
    voices: tuple[str, ...] = ()


Facts = Callable[[str], ModelFacts]
"""Of a full name; of an unknown model, the empty facts."""


def no_facts(name: str) -> ModelFacts:
    return ModelFacts()


class Engines:
    """The models that run in this process, by name."""

    def __init__(
        self,
        language_models: Iterable[LanguageModel] = (),
        recognisers: Iterable[SpeechToText] = (),
        voices: Iterable[TextToSpeech] = (),
        realtime_models: Iterable[RealtimeModel] = (),
    ) -> None:
        self.language_models = _by_name(language_models)
        self.recognisers = _by_name(recognisers)
        self.voices = _by_name(voices)
        self.realtime_models = _by_name(realtime_models)

    def names(self) -> Mapping[Kind, Iterable[str]]:
        return {
            "language": self.language_models,
            "speech_to_text": self.recognisers,
            "text_to_speech": self.voices,
            "realtime": self.realtime_models,
        }


class ModelRegistry:
    """The models of one tenant, as `engine.ports.Models`: engines in this process, and providers by their slugs.

    Cheap to make, for connections belong to `wire`, which registries share.
    """

    def __init__(
        self,
        wire: Wire,
        defaults: Defaults,
        *,
        engines: Engines | None = None,
        providers: Mapping[str, Provider] | None = None,
        routers: Routers | None = None,
        facts: Facts = no_facts,
        own: Container[str] = (),
    ) -> None:
        """`own` names the providers that the tenant brings itself, and is billed by."""
        self._wire = wire
        self.defaults = defaults
        self.own = own
        self._engines = engines or Engines()
        self._providers = providers or {}
        self._routers = routers
        self._facts = facts
        self._aliases: Mapping[str, str] = {}

    def with_alias(self, alias: str, name: str) -> "ModelRegistry":
        """The same models, of which the one that sessions call `name` is also called `alias`."""
        registry = copy.copy(self)
        registry._aliases = {**self._aliases, alias: name}
        return registry

    def capabilities(self, name: str) -> LlmCapabilities:
        """Of what answers in a session on this model; RealtimeCapabilities if it hears and speaks itself. Raises
        UnknownModel."""
        name = self._answering(name)
        if self._routers and name.startswith(PREFIX):
            return self._routers.language_model(name, self.language_model).capabilities
        engines = self._engines
        if engine := engines.realtime_models.get(name) or engines.language_models.get(name):
            return engine.capabilities
        found = self._locate(name, "realtime", "language")
        return self._capabilities(found)

    def language_model(self, name: str) -> LanguageModel:
        """Raises UnknownModel."""
        name = self._answering(name)
        if self._routers and name.startswith(PREFIX):
            return self._routers.language_model(name, self.language_model)
        if engine := self._engines.language_models.get(name):
            return engine
        found = self._locate(name, "language")
        model: LanguageModel = found.make(self._wire, capabilities=self._capabilities(found))
        return model

    def realtime_model(self, name: str) -> RealtimeModel:
        """Raises UnknownModel, for a language model too."""
        name = self._answering(name)
        if engine := self._engines.realtime_models.get(name):
            return engine
        found = self._locate(name, "realtime")
        model: RealtimeModel = found.make(self._wire, capabilities=self._capabilities(found))
        return model

    def speech_to_text(self, name: str | None) -> SpeechToText:
        """The default for a name that is absent, unknown or can't be used. Raises UnknownModel when the default
        can't either."""
        default = self.defaults.speech_to_text
        return self._first(name, default, self._recogniser)

    def text_to_speech(self, name: str | None) -> TextToSpeech:
        """The default for a name that is absent, unknown or can't be used. Raises UnknownModel when the default
        can't either."""
        default = self.defaults.text_to_speech
        return self._first(name, default, self._voice)

    @property
    def usable(self) -> frozenset[str]:
        """The slugs of the providers that can be used now, each with any of its models."""
        return frozenset(slug for slug, provider in self._providers.items() if provider.obstacle is None)

    def list(self) -> tuple[ModelInfo, ...]:
        """What is known by name and can be used now, in order."""
        models = {
            ModelInfo(name, _provider(name), kind)
            for kind, names in self._engines.names().items()
            for name in names
        }
        models |= {
            ModelInfo(f"{provider.slug}/{model}", provider.slug, service.kind)
            for provider in self._providers.values()
            if provider.obstacle is None
            for service in provider.services
            for model in service.models
        }
        if self._routers:
            models |= {
                ModelInfo(name, _provider(name), kind)
                for kind in ROUTED
                for name in self._routers.names(kind)
            }
        return tuple(sorted(models, key=lambda model: (model.name, model.kind)))

    async def warm_up(self, model: str | None = None) -> None:
        """Opens the connections that a session on `model` (None: the default) will use first, so that its first
        turn is as fast as the tenth: a socket takes over the HTTP connection that is open to its host, so nothing
        that a vendor could bill is begun. Leaves errors to their use."""
        defaults = self.defaults
        wanted: tuple[tuple[str, tuple[Kind, ...]], ...] = (
            (self._answering(model or defaults.language_model), ("realtime", "language")),
            (defaults.speech_to_text, ("speech_to_text",)),
            (defaults.text_to_speech, ("text_to_speech",)),
        )
        endpoints = []
        for name, kinds in wanted:
            routed = self._routers.models(name) if self._routers and name.startswith(PREFIX) else ()
            for one in routed or (name,):
                with suppress(UnknownModel):
                    found = self._locate(one, *kinds)
                    endpoints.append(found.provider.endpoint(found.service))
        await asyncio.gather(*(self._wire.warm_up(endpoint) for endpoint in endpoints))

    def _answering(self, name: str) -> str:
        """The name of what answers for this one. Whoever has a key of Inworld's means Inworld's router."""
        name = self._aliases.get(name, name)
        provider = self._providers.get(_provider(name))
        if stands_for_default(name) and (provider is None or provider.obstacle is not None):
            return self.defaults.language_model
        return name

    def _first(self, name: str | None, default: str, find: Callable[[str], Engine]) -> Engine:
        if name is not None:
            with suppress(UnknownModel):
                return find(name)
        return find(default)

    def _recogniser(self, name: str) -> SpeechToText:
        if self._routers and name.startswith(PREFIX):
            return self._routers.speech_to_text(name, self._recogniser)
        if engine := self._engines.recognisers.get(name):
            return engine
        recogniser: SpeechToText = self._locate(name, "speech_to_text").make(self._wire)
        return recogniser

    def _voice(self, name: str) -> TextToSpeech:
        if self._routers and name.startswith(PREFIX):
            return self._routers.text_to_speech(name, self._voice)
        if engine := self._engines.voices.get(name):
            return engine
        found = self._locate(name, "text_to_speech")
        voices = found.service.models.get(found.model) or self._facts(name).voices
        voice: TextToSpeech = found.make(self._wire, voices=voices)
        return voice

    def _capabilities(self, found: "_Found") -> LlmCapabilities:
        """Of this model, else what is usual at its provider, which decides whether a model speaks itself."""
        facts = self._facts(found.name)
        usual, known = found.service.capabilities, facts.capabilities
        if not isinstance(usual, RealtimeCapabilities):
            return known or usual
        if known is None:
            known = usual
        elif not isinstance(known, RealtimeCapabilities):
            known = replace(
                usual,
                tools=known.tools,
                images=known.images,
                reasoning=known.reasoning,
                context_tokens=known.context_tokens,
            )
        return replace(known, voices=facts.voices or known.voices)

    def _locate(self, name: str, *kinds: Kind) -> "_Found":
        """The first of these kinds that there is. Raises UnknownModel."""
        slug, slash, model = name.partition("/")
        if not slash:
            example = self.defaults.language_model
            raise UnknownModel(
                f"No model is called {name!r}. Models are named provider/model, as {example!r} is."
            )
        if slug == AGENT:
            raise UnknownModel(f"{name!r} can't be named here. {_WHERE_AGENTS_ARE_NAMED}")
        provider = self._providers.get(slug)
        if provider is None:
            raise UnknownModel(f"No model is called {name!r}. {self._known(slug, kinds[-1])}")
        if not model:
            raise UnknownModel(f"{name!r} names no model of {slug}: give one after the slash.")
        for kind in kinds:
            if service := provider.service(kind, model):
                if provider.obstacle is not None:
                    raise UnknownModel(f"{name!r} can't be used yet. {provider.obstacle}")
                return _Found(name, model, provider, service)
        raise UnknownModel(f"{name!r} is none of the {_KIND_WORDS[kinds[-1]]} of {slug}.")

    def _known(self, slug: str, kind: Kind) -> str:
        if names := sorted(n for n in self._engines.names().get(kind, ()) if _provider(n) == slug):
            return f"{slug} has {', '.join(names)}."
        here = {_provider(name) for names in self._engines.names().values() for name in names}
        return f"The providers that can be used are {', '.join(sorted(here | self.usable))}."


@dataclass(frozen=True, slots=True)
class _Found:
    """A model at a provider. `name` is the full one, `model` what the provider calls it."""

    name: str
    model: str
    provider: Provider
    service: Service

    def make(self, wire: Wire, **details: Any) -> Any:
        endpoint = self.provider.endpoint(self.service)
        factory = adapter(self.service.kind, self.service.dialect)
        return factory(wire, endpoint, self.model, name=self.name, **details, **self.service.quirks)


def _by_name(engines: Iterable[Engine]) -> dict[str, Engine]:
    return {engine.name: engine for engine in engines}


def _provider(name: str) -> str:
    return name.partition("/")[0]
