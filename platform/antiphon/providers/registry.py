"""Finds models by the names that sessions use: `provider/model`."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LanguageModel, LlmCapabilities
from antiphon.providers.base.realtime import RealtimeModel
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech
from antiphon.providers.openai_compatible.llm import OpenAiLlm
from antiphon.providers.openai_compatible.servers import Server
from antiphon.providers.openai_compatible.stt import OpenAiStt
from antiphon.providers.openai_compatible.tts import OpenAiTts

Model = TypeVar("Model")
Kind = Literal["language", "speech_to_text", "text_to_speech"]
OnServer = Callable[[Server, str, str], Model]  # of its full name, and of its name on the server

_OTHERS = re.compile(r"gpt-([\w.]+-)*realtime(-[\w.]+)*|inworld/.+")  # OpenAI's own models, Inworld's routers


def stands_for_default(name: str) -> bool:
    """Whether only OpenAI or Inworld has this model: an unmodified client asks for it, and gets the default."""
    return _OTHERS.fullmatch(name) is not None


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


class ModelRegistry:
    """The models of one tenant, as `engine.ports.Models`: engines in this process, and servers.

    Cheap to make, for connections belong to `wire`, which registries share.
    """

    def __init__(
        self,
        wire: Wire,
        defaults: Defaults,
        *,
        language_models: Iterable[LanguageModel] = (),
        recognisers: Iterable[SpeechToText] = (),
        voices: Iterable[TextToSpeech] = (),
        realtime_models: Iterable[RealtimeModel] = (),
        servers: Iterable[Server] = (),
    ) -> None:
        self._wire = wire
        self.defaults = defaults
        self._language_models = {model.name: model for model in language_models}
        self._recognisers = {model.name: model for model in recognisers}
        self._voices = {model.name: model for model in voices}
        self._realtime_models = {model.name: model for model in realtime_models}
        self._servers = {server.slug: server for server in servers}

    def capabilities(self, name: str) -> LlmCapabilities:
        """Raises UnknownModel."""
        if stands_for_default(name):
            name = self.defaults.language_model
        if name in self._realtime_models:
            return self._realtime_models[name].capabilities
        return self.language_model(name).capabilities

    def realtime_model(self, name: str) -> RealtimeModel:
        """Raises UnknownModel."""
        if stands_for_default(name):
            name = self.defaults.language_model
        if name not in self._realtime_models:
            raise UnknownModel(f"{name!r} is no model that hears and speaks itself.")
        return self._realtime_models[name]

    def language_model(self, name: str) -> LanguageModel:
        """Raises UnknownModel."""
        if stands_for_default(name):
            name = self.defaults.language_model
        return self._find(name, self._language_models, self._language_model_on)

    def speech_to_text(self, name: str | None) -> SpeechToText:
        """The default for an absent or unknown name. Raises UnknownModel when that is unknown too."""
        default = self.defaults.speech_to_text
        return self._find_or_default(name, default, self._recognisers, self._recogniser_on)

    def text_to_speech(self, name: str | None) -> TextToSpeech:
        """The default for an absent or unknown name. Raises UnknownModel when that is unknown too."""
        default = self.defaults.text_to_speech
        return self._find_or_default(name, default, self._voices, self._voice_on)

    def list(self) -> tuple[ModelInfo, ...]:
        """What can be used now, by name."""
        servers = [server for server in self._servers.values() if server.usable]
        kinds: dict[Kind, Iterable[str]] = {
            "language": [*self._language_models, *(s.name_of(m) for s in servers for m in s.models)],
            "speech_to_text": [
                *self._recognisers,
                *(s.name_of(m) for s in servers for m in s.speech_to_text),
            ],
            "text_to_speech": [*self._voices, *(s.name_of(m) for s in servers for m in s.text_to_speech)],
        }
        models = [ModelInfo(name, _provider(name), kind) for kind, names in kinds.items() for name in names]
        return tuple(sorted(models, key=lambda model: model.name))

    async def warm_up(self, model: str | None = None) -> None:
        """Opens the connections that a session on `model` (None: the default) will use first, so that its first
        turn is as fast as the tenth. Leaves errors to their use."""
        defaults = self.defaults
        names = (model or defaults.language_model, defaults.speech_to_text, defaults.text_to_speech)
        providers = {_provider(name) for name in names}
        servers = [s for s in self._servers.values() if s.slug in providers and s.usable]
        await asyncio.gather(*(self._wire.warm_up(server.endpoint) for server in servers))

    def _find_or_default(
        self, name: str | None, default: str, engines: Mapping[str, Model], on_server: OnServer[Model]
    ) -> Model:
        if name is not None:
            with suppress(UnknownModel):
                return self._find(name, engines, on_server)
        return self._find(default, engines, on_server)

    def _find(self, name: str, engines: Mapping[str, Model], on_server: OnServer[Model]) -> Model:
        if name in engines:
            return engines[name]
        provider, slash, model = name.partition("/")
        server = self._servers.get(provider)
        if not slash:
            example = self.defaults.language_model
            raise UnknownModel(
                f"No model is called {name!r}. Models are named provider/model, as {example!r} is."
            )
        if server is None:
            raise UnknownModel(f"No model is called {name!r}. {self._known(provider, engines)}")
        if not model:
            raise UnknownModel(f"{name!r} names no model of {provider}: give one after the slash.")
        if not server.usable:
            raise UnknownModel(
                f"{name!r} can't be used: {provider} has no API key. Set {server.key_setting}."
            )
        return on_server(server, name, model)

    def _known(self, provider: str, engines: Mapping[str, object]) -> str:
        if names := sorted(name for name in engines if _provider(name) == provider):
            return f"{provider} has {', '.join(names)}."
        providers = sorted({_provider(name) for name in engines} | set(self._servers))
        return f"The providers are {', '.join(providers)}."

    def _language_model_on(self, server: Server, name: str, model: str) -> LanguageModel:
        capabilities = server.models.get(model, LlmCapabilities())
        return OpenAiLlm(
            self._wire, server.endpoint, model, name=name, capabilities=capabilities, quirks=server.quirks
        )

    def _recogniser_on(self, server: Server, name: str, model: str) -> SpeechToText:
        return OpenAiStt(self._wire, server.endpoint, model, name=name)

    def _voice_on(self, server: Server, name: str, model: str) -> TextToSpeech:
        voices = server.text_to_speech.get(model, ())
        return OpenAiTts(self._wire, server.endpoint, model, name=name, voices=voices)


def _provider(name: str) -> str:
    return name.partition("/")[0]
