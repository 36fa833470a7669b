"""One answer of a router: whom it asks, when it asks another one, too, and what becomes of each."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import fields

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.attempts import Reason
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    Decision,
    DecisionKind,
    Filler,
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.routing.continuation import Rest, WholeWords, continuing
from antiphon.providers.routing.format import LanguageRouter
from antiphon.providers.routing.hedging import HedgeBudget
from antiphon.providers.routing.policy import Candidate, Choice, VitalOf, hedge_after_ms
from antiphon.providers.routing.race import Contender, Enter, Race

# Seconds without a word in mid-answer after which another model goes on. What was said before plays meanwhile.
_STALLED = 4.0


class Answer:
    """`events` is the answer; it is asked for once."""

    def __init__(
        self,
        name: str,
        router: LanguageRouter,
        request: LlmRequest,
        choice: Choice,
        *,
        deadline_ms: float | None,
        budget: HedgeBudget,
        vital_of: VitalOf,
        enter: Enter,
    ) -> None:
        self._name = name
        self._router = router
        self._request = request
        self._choice = choice
        self._deadline_ms = deadline_ms
        self._budget = budget
        self._vital_of = vital_of
        self._enter = enter
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._waiting: deque[Candidate] = deque(choice.candidates)
        self._race = Race()
        self._is_first = True  # nobody was asked yet
        self._failures: list[tuple[str, ProviderError]] = []
        self._said = ""  # by models
        self._spoke = False  # a filler
        self._usages: list[LlmUsage] = []  # of those that said it
        self._hedge_at = self._patience_at = math.inf
        self._filler_at = self._when_filler_is_due()

    async def events(self) -> AsyncGenerator[LlmEvent, None]:
        """Raises ProviderError once nobody is left to ask."""
        try:
            while True:
                while (winner := await self._first_to_speak()) is None:
                    yield self._filler()
                said_before = len(self._said)
                held: list[LlmEvent] = []  # nobody may see calls of an attempt that can still fail
                stop = Stop("end")
                words, rest = WholeWords(), Rest(self._said)
                try:
                    event = winner.first.result()
                    while event is not None:
                        match event:
                            case TextDelta(text):
                                if text := rest.push(words.push(text)):
                                    yield self._say(text)
                            case ToolCallStarted() | ToolCallDelta():
                                held.append(event)
                                if self._clock() >= self._filler_at:
                                    yield self._filler()
                            case Stop():
                                stop = event
                        event = await winner.next(_STALLED if self._waiting else None)
                except ProviderError as error:
                    self._fail(winner, error)
                    if len(self._said) > said_before:
                        self._note_usage(winner)
                    continue
                if text := rest.push(words.flush()) + rest.flush():
                    yield self._say(text)
                for event in held:
                    yield event
                self._note_usage(winner)
                yield _total(self._usages)
                yield stop
                return
        finally:
            await self._race.aclose()

    async def _first_to_speak(self) -> Contender | None:
        """None when the filler is due instead. Raises ProviderError."""
        while True:
            if not self._race.running:
                self._ask_next()
            # Which of them it is must not be asked of the clock: event loops wake up to a millisecond early.
            due = min(self._hedge_at, self._patience_at, self._filler_at)
            contender = await self._race.next(due)
            if contender is None:
                if due == self._filler_at:
                    return None
                self._lose_patience()
            elif contender.error is not None:
                self._fail(contender, contender.error)
                if contender.reason == "hedge" and self._race.running:
                    self._hedge_at = self._clock()  # for another one, if there is
            else:
                losers = self._race.win(contender)
                self._waiting.extend(Candidate(loser.name, "was slower before") for loser in losers)
                return contender

    def _ask_next(self) -> None:
        """Asks the next model because none is running. Raises ProviderError if there is none."""
        if self._is_first:
            asked = self._ask("first")
        elif self._said:
            asked = self._ask("continuation")
            self._decide("continued", f"{self._last_failure} in mid-sentence.", asked)
        else:
            asked = self._ask("fallback")
            self._decide("fell_back", f"{self._last_failure}.", asked)
        if asked is None:
            raise self._failure()

    def _lose_patience(self) -> None:
        slow = self._race.running[-1]
        waited = f"{slow.name} said nothing for {(self._clock() - slow.asked_at) * 1000:.0f} ms."
        if self._patience_at < self._hedge_at:
            self._decide("fell_back", waited, self._ask("fallback"))
        elif self._budget.spend():
            self._decide("hedged", waited, self._ask("hedge"))
        else:
            self._hedge_at = math.inf

    def _ask(self, reason: Reason) -> str | None:
        """Asks the next model that there is, and says which."""
        request = continuing(self._request, self._said) if self._said else self._request
        while self._waiting:
            candidate = self._waiting.popleft()
            try:
                contender = self._enter(candidate.model, request, reason)
            except UnknownModel as error:
                self._failures.append((candidate.model, ProviderError("not_found", str(error))))
                continue
            self._race.enter(contender)
            if self._is_first:
                self._is_first = False
                self._tell_choice(candidate)
            self._set_timers(candidate.model, reason)
            return candidate.model
        self._hedge_at = self._patience_at = math.inf
        return None

    def _set_timers(self, model: str, reason: Reason) -> None:
        now = self._clock()
        self._hedge_at = self._patience_at = math.inf
        if not self._waiting:
            return
        self._patience_at = now + self._router.patience_ms / 1000
        first, second = self._vital_of(model), self._vital_of(self._waiting[0].model)
        if self._router.hedge and reason != "hedge" and second.breaker != "open":
            left = None
            if self._deadline_ms is not None and not self._said:
                left = self._deadline_ms - self._elapsed_ms
            self._hedge_at = now + hedge_after_ms(self._router.hedge, first, second, left) / 1000

    def _fail(self, contender: Contender, error: ProviderError) -> None:
        self._race.leave(contender)
        self._failures.append((contender.name, error))

    def _say(self, text: str) -> TextDelta:
        self._said += text if self._said else text.lstrip()
        self._filler_at = math.inf
        return TextDelta(text)

    def _filler(self) -> Filler:
        """A phrase, which is another one in the next turn. It is no part of what a model is told that it said."""
        assert self._router.filler is not None
        self._filler_at = math.inf
        self._spoke = True
        phrases = self._router.filler.phrases
        self._decide("filler", f"Nothing was said for {self._elapsed_ms:.0f} ms.")
        return Filler(phrases[len(self._request.messages) % len(phrases)].strip() + " ")

    def _when_filler_is_due(self) -> float:
        """On the loop's clock. Only speech has fillers: who reads sees that nothing has come."""
        filler = self._router.filler
        if filler is None or self._request.modality != "audio":
            return math.inf
        after_ms = self._deadline_ms if filler.after_ms is None else filler.after_ms
        return math.inf if after_ms is None else self._began + after_ms / 1000

    def _note_usage(self, contender: Contender) -> None:
        if contender.attempt is not None and contender.attempt.usage is not None:
            self._usages.append(contender.attempt.usage)

    def _tell_choice(self, candidate: Candidate) -> None:
        choice = self._choice
        model, why = candidate.model, candidate.why
        self._decide("chosen", f"Route {choice.route}, variant {choice.variant}: {why}.", model)
        if choice.slower is not None:
            self._decide("stepped_down", f"{choice.slower} would be too late: {why}.", model)

    def _decide(self, kind: DecisionKind, reason: str, model: str | None = "") -> None:
        """None: there was no model to ask."""
        if model is not None:
            self._request.decided(Decision(kind, reason, self._elapsed_ms, model))

    @property
    def _elapsed_ms(self) -> float:
        return (self._clock() - self._began) * 1000

    @property
    def _last_failure(self) -> str:
        name, error = self._failures[-1]
        return f"{name} failed ({error.kind})"

    def _failure(self) -> ProviderError:
        last = self._failures[-1][1]
        told = "; ".join(f"{name}: {error.message}" for name, error in self._failures)
        return ProviderError(
            last.kind,
            f"No model of {self._name} could answer. {told}",
            started=bool(self._said) or self._spoke,
            retry_after=last.retry_after,
        )


def _total(usages: Sequence[LlmUsage]) -> LlmUsage:
    counts = {
        count.name: sum(getattr(usage, count.name) for usage in usages)
        for count in fields(LlmUsage)
        if count.name != "estimated"
    }
    return LlmUsage(**counts, estimated=any(usage.estimated for usage in usages))
