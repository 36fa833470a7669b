"""A router as a language model."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import cache, cached_property
from typing import Literal

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.attempts import Reason
from antiphon.providers.base.llm import LanguageModel, LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.routing.answer import Answer
from antiphon.providers.routing.format import LanguageRouter
from antiphon.providers.routing.health import Vital
from antiphon.providers.routing.policy import Choice, CostOf, VitalOf, choose, draw, facts_of
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.race import Contender


class RoutedLlm:
    """Asks the models of a router. `find` gives them by name and raises UnknownModel; `tenant` is whose they are.

    A reply is whole although a model failed, and each attempt at it is reported. Tool calls are passed on when the
    attempt that makes them is complete. The usage at the end is of all attempts whose words were passed on.
    """

    reports_attempts: Literal[True] = True

    def __init__(
        self,
        name: str,
        router: LanguageRouter,
        *,
        tenant: str,
        memory: RoutingMemory,
        find: Callable[[str], LanguageModel],
        cost_of: CostOf,
    ) -> None:
        self.name = name
        self._router = router
        self._tenant = tenant
        self._memory = memory
        self._find = find
        self._cost_of = cost_of

    @cached_property
    def capabilities(self) -> LlmCapabilities:
        """What all its models can that can be found. Raises UnknownModel if there is none."""
        found = []
        for name in self._router.models:
            try:
                found.append(self._find(name).capabilities)
            except UnknownModel as error:
                unknown = error
        if not found:
            raise UnknownModel(f"None of the models of {self.name} can be used. {unknown}")
        return LlmCapabilities(
            tools=all(one.tools for one in found),
            images=all(one.images for one in found),
            reasoning=all(one.reasoning for one in found),
            context_tokens=min(one.context_tokens for one in found),
        )

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Raises ProviderError when none of the models could answer."""
        deadline_ms = self._deadline_ms(request)
        session = self._key(f"{self.name}/{request.cache_key}")
        vital_of = cache(self._vital_of)  # as of now, for the whole answer
        choice = self._choose(request, session, deadline_ms, vital_of)
        budget = self._memory.hedge_budget(self._key(self.name))
        if self._router.hedge:
            budget.earn(self._router.hedge.budget)
        is_first = True

        def enter(name: str, request: LlmRequest, reason: Reason) -> Contender:
            nonlocal is_first
            model = self._find(name)
            if is_first and request.cache_key:
                self._memory.asked_first.set(session, name)
            is_first = False
            return Contender(model, request, reason, health=self._memory.health, key=self._key(name))

        answer = Answer(
            self.name,
            self._router,
            request,
            choice,
            deadline_ms=deadline_ms,
            budget=budget,
            vital_of=vital_of,
            enter=enter,
        )
        async with aclosing(answer.events()) as events:
            async for event in events:
                yield event

    def _choose(
        self, request: LlmRequest, session: str, deadline_ms: float | None, vital_of: VitalOf
    ) -> Choice:
        who = request.user or request.cache_key
        return choose(
            self._router,
            facts_of(request),
            drawn=draw(self.name, who) if who else random.random(),
            before=self._memory.asked_first.get(session) if request.cache_key else None,
            deadline_ms=deadline_ms,
            vital_of=vital_of,
            cost_of=self._cost_of,
        )

    def _deadline_ms(self, request: LlmRequest) -> float | None:
        """When the first words have to be there, from the request on."""
        budget = request.latency_budget_ms
        if budget is None:
            budget = self._router.latency_budget_ms
        if budget is None:
            return None
        return max(budget - (self._router.voice_ms if request.modality == "audio" else 0), 0.0)

    def _vital_of(self, name: str) -> Vital:
        return self._memory.health.vital(self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._tenant}:{name}"
