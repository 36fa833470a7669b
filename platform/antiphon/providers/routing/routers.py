"""A tenant's routers, by the names that sessions use: `router/<name>`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, get_args

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.llm import LanguageModel
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech
from antiphon.providers.routing.format import (
    PREFIX,
    LanguageRouter,
    RecognitionRouter,
    Router,
    RouterKind,
    VoiceRouter,
    kind_of_router,
)
from antiphon.providers.routing.model import RoutedLlm
from antiphon.providers.routing.policy import CostOf
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.stt import RoutedStt
from antiphon.providers.routing.tts import RoutedTts

ROUTED: tuple[RouterKind, ...] = get_args(RouterKind)

Model = TypeVar("Model")
Wanted = TypeVar("Wanted", LanguageRouter, RecognitionRouter, VoiceRouter)


class Routers:
    """`routers` by their plain names. Each `find` gives a model by its full name and raises UnknownModel."""

    def __init__(
        self, routers: Mapping[str, Router], *, tenant: str, memory: RoutingMemory, cost_of: CostOf
    ) -> None:
        self._routers = routers
        self._tenant = tenant
        self._memory = memory
        self._cost_of = cost_of

    def names(self, kind: RouterKind) -> tuple[str, ...]:
        """Full names, in order."""
        return tuple(
            PREFIX + name for name, router in sorted(self._routers.items()) if kind_of_router(router) == kind
        )

    def models(self, name: str) -> tuple[str, ...]:
        """The models that a router may ask, so that they can be warmed up; none of an unknown one."""
        router = self._routers.get(name.removeprefix(PREFIX))
        return router.models if router is not None else ()

    def language_model(self, name: str, find: Callable[[str], LanguageModel]) -> RoutedLlm:
        """Raises UnknownModel."""
        router = self._router(name, LanguageRouter)
        return RoutedLlm(
            name, router, tenant=self._tenant, memory=self._memory, find=find, cost_of=self._cost_of
        )

    def speech_to_text(self, name: str, find: Callable[[str], SpeechToText]) -> RoutedStt:
        """Raises UnknownModel."""
        router = self._router(name, RecognitionRouter)
        return RoutedStt(
            name, router, _found(name, router.models, find), tenant=self._tenant, memory=self._memory
        )

    def text_to_speech(self, name: str, find: Callable[[str], TextToSpeech]) -> RoutedTts:
        """Raises UnknownModel."""
        router = self._router(name, VoiceRouter)
        return RoutedTts(
            name, router, _found(name, router.models, find), tenant=self._tenant, memory=self._memory
        )

    def _router(self, name: str, kind: type[Wanted]) -> Wanted:
        router = self._routers.get(name.removeprefix(PREFIX))
        if router is None:
            known = ", ".join(PREFIX + one for one in sorted(self._routers)) or "none yet"
            raise UnknownModel(f"No router is called {name!r}. There are: {known}.")
        if not isinstance(router, kind):
            raise UnknownModel(f"{name!r} is a router of the kind {kind_of_router(router)}.")
        return router


def _found(name: str, models: Sequence[str], find: Callable[[str], Model]) -> list[Model]:
    found, missing = [], []
    for model in models:
        try:
            found.append(find(model))
        except UnknownModel as error:
            missing.append(str(error))
    if not found:
        raise UnknownModel(f"None of the models of {name} can be used. {missing[-1]}")
    return found
