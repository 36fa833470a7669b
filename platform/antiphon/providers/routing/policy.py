"""Which models a router asks, in which order, and when it asks another one, too. Pure."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.routing.conditions import METADATA, RESPONSE_METADATA, Facts, holds
from antiphon.providers.routing.format import DefaultRoute, Hedge, LanguageRouter, Route, Variant
from antiphon.providers.routing.health import Vital

HEDGE_FLOOR_MS = 250.0
HEDGE_UNKNOWN_MS = 700.0  # while a model's speed is not known

VitalOf = Callable[[str], Vital]
CostOf = Callable[[str], float | None]
"""What a usual answer of a model costs, in micro-dollars; None if it has no price."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`why` it stands where it stands."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The models in the order in which to ask them; `slower` is one that was to be the first, but would have missed
    the deadline."""

    route: str
    variant: str
    candidates: tuple[Candidate, ...]
    slower: str | None = None


def facts_of(request: LlmRequest) -> Facts:
    fields = {"user": request.user, "language": request.language or "", "modality": request.modality}
    return {
        **{name: value for name, value in fields.items() if value},
        **{f"{METADATA}{key}": value for key, value in request.session_metadata.items()},
        **{f"{RESPONSE_METADATA}{key}": value for key, value in request.metadata.items()},
    }


def draw(router: str, who: str) -> float:
    """A number from 0 to 1 that is the same for the same user each time, and another one at another router."""
    digest = blake2b(f"{router}\n{who}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / (1 << 64)


def choose(
    router: LanguageRouter,
    facts: Facts,
    *,
    drawn: float,
    before: str | None,
    deadline_ms: float | None,
    vital_of: VitalOf,
    cost_of: CostOf,
) -> Choice:
    """`drawn`, from 0 to 1, picks the variant. The model that the session asked `before` stays first, for its
    prompt cache, until its breaker opens or it would miss the deadline for the first words."""
    route = next((route for route in router.routes if holds(route.when, facts)), router.default)
    variant, label = _variant(route, drawn)
    candidates = _ordered(route, variant, router, vital_of, cost_of)
    candidates += [Candidate(name, "fallback") for name in router.fallbacks if name not in variant.models]
    candidates.sort(key=lambda candidate: candidate.model != before)
    if candidates[0].model == before:
        candidates[0] = Candidate(before, "asked in this session before")
    vitals = {candidate.model: vital_of(candidate.model) for candidate in candidates}
    working = [c for c in candidates if vitals[c.model].breaker != "open"]
    broken = [
        Candidate(c.model, "its breaker is open") for c in candidates if vitals[c.model].breaker == "open"
    ]
    slower = None
    if working and deadline_ms is not None:
        working, slower = _in_time(working, deadline_ms, vital_of)
    name = route.name if isinstance(route, Route) else "default"
    return Choice(name, label, (*working, *broken), slower)


def hedge_after_ms(hedge: Hedge, first: Vital, second: Vital, deadline_ms: float | None) -> float:
    """How long to wait for a word of the first model before the second one is asked, too: as long as nearly all of
    its answers take, but no longer than the second can still be in time."""
    if hedge.after_ms != "auto":
        return float(hedge.after_ms)
    usual = first.speed.p95_ms
    wait = HEDGE_UNKNOWN_MS if usual is None else usual
    second_ms = second.speed.words_ms(second.speed.p50_ms)
    if deadline_ms is not None and second_ms is not None and math.isfinite(second_ms):
        wait = min(wait, deadline_ms - second_ms)
    return max(wait, HEDGE_FLOOR_MS)


def _variant(route: DefaultRoute, drawn: float) -> tuple[Variant, str]:
    bounds = list(accumulate(variant.weight for variant in route.variants))
    index = min(bisect_right(bounds, drawn * bounds[-1]), len(bounds) - 1)
    return route.variants[index], route.variants[index].name or str(index + 1)


def _ordered(
    route: DefaultRoute, variant: Variant, router: LanguageRouter, vital_of: VitalOf, cost_of: CostOf
) -> list[Candidate]:
    """A model whose speed is not known goes before the others, so that it becomes known; one without a price goes
    after them."""
    match route.select:
        case "order":
            return [Candidate(name, f"number {n} in order") for n, name in enumerate(variant.models, 1)]
        case "quality":
            ranked = sorted((-router.quality[name], n, name) for n, name in enumerate(variant.models))
            return [Candidate(name, f"quality {-score:g}") for score, _, name in ranked]
        case "cost":
            prices = {name: cost_of(name) for name in variant.models}
            return [
                Candidate(
                    name, "has no price" if (p := prices[name]) is None else f"costs {p:.0f} micro-dollars"
                )
                for name in sorted(variant.models, key=lambda name: _or(prices[name], math.inf))
            ]
        case "latency":
            waits = {name: vital_of(name).speed.p90_ms for name in variant.models}
            return [
                Candidate(name, "speed not known yet" if (ms := waits[name]) is None else _p90(ms))
                for name in sorted(variant.models, key=lambda name: _or(waits[name], -1.0))
            ]


def _in_time(
    candidates: Sequence[Candidate], deadline_ms: float, vital_of: VitalOf
) -> tuple[list[Candidate], str | None]:
    """With the first one in front that has its first words in time, or the fastest if none has; only models whose
    speed is known step forward. Also whom it overtook, if anyone."""

    def words_ms(candidate: Candidate) -> float | None:
        speed = vital_of(candidate.model).speed
        return speed.words_ms(speed.p90_ms)

    expected = words_ms(candidates[0])
    if expected is None or expected <= deadline_ms:
        return list(candidates), None
    known = [(ms, n) for n, candidate in enumerate(candidates) if (ms := words_ms(candidate)) is not None]
    ms, best = next((one for one in known if one[0] <= deadline_ms), min(known))
    if best == 0:
        return list(candidates), None
    faster = Candidate(candidates[best].model, f"{_p90(ms)}; {deadline_ms:.0f} ms are left")
    others = [candidate for n, candidate in enumerate(candidates) if n != best]
    return [faster, *others], candidates[0].model


def _p90(ms: float) -> str:
    return "overtaken too often" if math.isinf(ms) else f"90 % in {ms:.0f} ms"


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
