"""The definition of a router, as JSON; docs/routers.md describes it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from antiphon.providers.routing.conditions import OPS, Condition, problems

RouterKind = Literal["language", "speech_to_text", "text_to_speech"]
ModelKind = Literal["language", "speech_to_text", "text_to_speech", "realtime"]
KindOf = Callable[[str], ModelKind | None]
"""What a model is, by its full name; None if that is not known."""

Select = Literal["order", "cost", "latency", "quality"]

LONGEST = 1 << 16  # bytes of a definition
PREFIX = "router/"

_ModelName = Annotated[str, Meta(max_length=200)]
_Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
_Label = Annotated[str, Meta(min_length=1, max_length=100)]
_Phrase = Annotated[str, Meta(min_length=1, max_length=200)]
_MODEL_NAME = re.compile(r"[^\s/]+/\S+")


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Variant(_Part, frozen=True, kw_only=True):
    """Models for a share of the users: `weight` over the sum of the weights of its route."""

    models: Annotated[tuple[_ModelName, ...], Meta(min_length=1, max_length=10)]
    weight: Annotated[float, Meta(gt=0, le=1_000_000)] = 1
    name: _Label | None = None


class DefaultRoute(_Part, frozen=True, kw_only=True):
    """`select` says by what the models of a variant are ordered."""

    variants: Annotated[tuple[Variant, ...], Meta(min_length=1, max_length=20)]
    select: Select = "order"


class Route(DefaultRoute, frozen=True, kw_only=True):
    name: _Label
    when: Condition


class Hedge(_Part, frozen=True, kw_only=True):
    """Another model is asked, too, after `after_ms` without a word; `budget` is how many extra calls there may be
    for each call."""

    after_ms: Literal["auto"] | _Milliseconds = "auto"
    budget: Annotated[float, Meta(gt=0, le=1)] = 0.05


class Filler(_Part, frozen=True, kw_only=True):
    """A phrase is spoken after `after_ms` without a word; by default as late as the latency budget allows."""

    phrases: Annotated[tuple[_Phrase, ...], Meta(min_length=1, max_length=50)]
    after_ms: _Milliseconds | None = None


class LanguageRouter(_Part, frozen=True, kw_only=True, tag_field="kind", tag="language"):
    """`latency_budget_ms` is from the request to the first audio, of which the voice takes `voice_ms`; after
    `patience_ms` without a word the next model is asked, whatever else holds."""

    default: DefaultRoute
    routes: Annotated[tuple[Route, ...], Meta(max_length=50)] = ()
    fallbacks: Annotated[tuple[_ModelName, ...], Meta(max_length=10)] = ()
    hedge: Hedge | None = None
    latency_budget_ms: Annotated[int, Meta(ge=100, le=60_000)] | None = None
    voice_ms: _Milliseconds = 300
    patience_ms: Annotated[int, Meta(ge=500, le=60_000)] = 8_000
    filler: Filler | None = None
    quality: dict[str, float] = {}

    @property
    def all_routes(self) -> Sequence[DefaultRoute]:
        return (*self.routes, self.default)

    @property
    def models(self) -> tuple[str, ...]:
        """Each once, in the order of the file."""
        named = (model for route in self.all_routes for variant in route.variants for model in variant.models)
        return tuple(dict.fromkeys((*named, *self.fallbacks)))


class RecognitionRouter(_Part, frozen=True, kw_only=True, tag_field="kind", tag="speech_to_text"):
    """After `patience_ms` without the final transcript of a turn that is over the next model recognises it."""

    models: Annotated[tuple[_ModelName, ...], Meta(min_length=1, max_length=10)]
    patience_ms: Annotated[int, Meta(ge=500, le=60_000)] = 4_000


class Voice(_Part, frozen=True, kw_only=True):
    """A model and its voices by the names that sessions use; `*` stands for all others."""

    model: _ModelName
    voices: dict[str, _Label] = {}


class VoiceRouter(_Part, frozen=True, kw_only=True, tag_field="kind", tag="text_to_speech"):
    """After `patience_ms` without audio the next candidate speaks."""

    candidates: Annotated[tuple[Voice, ...], Meta(min_length=1, max_length=10)]
    patience_ms: Annotated[int, Meta(ge=500, le=60_000)] = 4_000

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(candidate.model for candidate in self.candidates)


Router = LanguageRouter | RecognitionRouter | VoiceRouter


class BadRouter(Exception):
    """A definition that can't be used. `problems` are the paths in it and what to do there."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path or 'The router'}: {what}" for path, what in problems))


def kind_of_router(router: Router) -> RouterKind:
    kind: RouterKind = router.__struct_config__.tag  # type: ignore[assignment]
    return kind


def parse(text: str | bytes, kind_of: KindOf = lambda name: None) -> Router:
    """Raises BadRouter, with all problems of meaning, or the first one of form."""
    if len(text) > LONGEST:
        raise BadRouter([("", f"It is larger than {LONGEST >> 10} KiB. Shorten it.")])
    try:
        router: Router = msgspec.json.decode(text, type=Router)
    except msgspec.ValidationError as error:
        raise BadRouter([_explain(str(error))]) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRouter([("", f"It is not JSON: {error}. Correct it.")]) from None
    except RecursionError:
        raise BadRouter([("", "It is nested too deeply. Make its conditions flatter.")]) from None
    if found := list(_problems(router, kind_of)):
        raise BadRouter(found)
    return router


_CHOICES = {
    "kind": get_args(RouterKind),
    "op": OPS,
    "select": get_args(Select),
}
_MISMATCH = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?:\.)?(?P<path>.*)`)?$", re.DOTALL)
_NAMED_FIELD = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<field>.+)`$")


def _explain(mismatch: str) -> tuple[str, str]:
    """The path and the advice in the text of msgspec's ValidationError."""
    match = _MISMATCH.match(mismatch)
    problem, path = (match["problem"], match["path"] or "") if match else (mismatch, "")
    if named := _NAMED_FIELD.match(problem):
        path = ".".join(part for part in (path, named["field"]) if part)
        if named["what"] == "contains unknown":
            return path, "There is no such field. Remove it, or correct its name."
        choices = _CHOICES.get(named["field"])
        return path, f"It is missing. Give {_one_of(choices) if choices else 'it'}."
    choices = _CHOICES.get(path.rpartition(".")[2])
    if choices and problem.startswith("Invalid"):
        return path, f"{problem}. Give {_one_of(choices)}."
    return path, f"{problem}. Correct it."


def _one_of(choices: Sequence[str]) -> str:
    return f"one of {', '.join(choices)}"


def _problems(router: Router, kind_of: KindOf) -> Iterator[tuple[str, str]]:
    named = list(_named_models(router))
    for path, name in named:
        if problem := _problem_of_model(name, kind_of_router(router), kind_of):
            yield path, problem
    lists: dict[str, set[str]] = {}
    for path, name in named:
        within = lists.setdefault(path.rpartition("[")[0], set())
        if name in within:
            yield path, f"{name} is in this list already. Remove one of them."
        within.add(name)
    if isinstance(router, LanguageRouter):
        yield from _problems_of_language(router)


def _named_models(router: Router) -> Iterator[tuple[str, str]]:
    match router:
        case RecognitionRouter(models=models):
            yield from _listed("models", models)
        case VoiceRouter(candidates=candidates):
            for index, candidate in enumerate(candidates):
                yield f"candidates[{index}].model", candidate.model
        case LanguageRouter():
            for path, route in _routes(router):
                for index, variant in enumerate(route.variants):
                    yield from _listed(f"{path}.variants[{index}].models", variant.models)
            yield from _listed("fallbacks", router.fallbacks)


def _listed(path: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(names):
        yield f"{path}[{index}]", name


def _routes(router: LanguageRouter) -> Iterator[tuple[str, DefaultRoute]]:
    for index, route in enumerate(router.routes):
        yield f"routes[{index}]", route
    yield "default", router.default


def _problem_of_model(name: str, wanted: RouterKind, kind_of: KindOf) -> str:
    if name.startswith(PREFIX):
        return (
            f"A router can't name another router ({name}): a chain of them could be endless. "
            "Name the models of that one here."
        )
    if name.startswith("agent/"):
        return f"{name} is an agent. Name the model that should answer."
    if not _MODEL_NAME.fullmatch(name):
        return (
            f"{name!r} names no model. Models are named provider/model, as groq/llama-3.3-70b-versatile is."
        )
    kind = kind_of(name)
    if kind == "realtime":
        return (
            f"{name} speaks and listens itself, over a connection of its own that lasts as long as the session, "
            "so no answer of it can be given to another model. Sessions name it directly."
        )
    if kind is not None and kind != wanted:
        return f"{name} is of the kind {kind}, and this router is for {wanted}. Name a model of that kind."
    return ""


def _problems_of_language(router: LanguageRouter) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    for index, one in enumerate(router.routes):
        if one.name in names:
            yield f"routes[{index}].name", f"There is another route called {one.name!r}. Rename one of them."
        names.add(one.name)
        yield from problems(one.when, f"routes[{index}].when")
    models = router.models
    for name in router.quality:
        if name not in models:
            yield f"quality.{name}", "This router has no such model. Remove it, or correct its name."
    for path, route in _routes(router):
        for index, variant in enumerate(route.variants):
            unrated = [name for name in variant.models if name not in router.quality]
            if route.select == "quality" and unrated:
                yield "quality", f"{path} selects by quality. Give a number for {', '.join(unrated)}."
            if router.hedge and len({*variant.models, *router.fallbacks}) < 2:
                advice = (
                    "There is no second model to hedge with. Add one here or to fallbacks, or remove hedge."
                )
                yield f"{path}.variants[{index}].models", advice
    budget = router.latency_budget_ms
    if budget is not None and budget <= router.voice_ms:
        yield (
            "latency_budget_ms",
            f"The voice alone takes {router.voice_ms} ms of it (voice_ms). Give more, or lower voice_ms.",
        )
    for index, phrase in enumerate(router.filler.phrases if router.filler else ()):
        if not phrase.strip():
            yield f"filler.phrases[{index}]", "There is nothing to speak in it. Remove it."
