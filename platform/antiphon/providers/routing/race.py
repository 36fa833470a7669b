"""Several models asked for one answer: the first to speak wins, the others are closed at once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from antiphon.providers.base.attempts import Reason, attempt
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import Attempt, LanguageModel, LlmEvent, LlmRequest, TextDelta
from antiphon.providers.base.tokens import estimated_tokens
from antiphon.providers.routing.health import Health, Seen

# Tokens from which on a model's rate is known. Later ones wait for the voice rather than for the model.
_MEASURED = 16

# What tells something of a provider, rather than of the request.
_SICK = {"auth", "rate_limit", "quota", "overloaded", "not_found", "timeout", "network", "upstream"}


class Contender:
    """One attempt. `first` is the task that waits for its first event; the others are asked of it by `next`."""

    def __init__(
        self, model: LanguageModel, request: LlmRequest, reason: Reason, *, health: Health, key: str
    ) -> None:
        self.name = model.name
        self.reason = reason
        self.attempt: Attempt | None = None  # once it is over
        self.lost = False
        self.overtaken = False  # by one that began later
        self._limit = asyncio.timeout(None)  # of the wait for the next event
        self._health = health
        self._key = key
        self._tell = request.report
        self._clock = asyncio.get_running_loop().time
        self.asked_at = self._clock()
        self._text_began = 0.0
        self._tokens = 0  # after the first piece of text ...
        self._tokens_ms = 0.0  # ... and when the last of them came
        self._events = attempt(model, replace(request, report=self._report), reason)
        self.first: asyncio.Task[LlmEvent | None] = asyncio.create_task(self._begin(), name="first word")

    @property
    def error(self) -> ProviderError | None:
        """Why it said nothing. Only once `first` is done; raises what is no ProviderError."""
        error = self.first.exception()
        if error is not None and not isinstance(error, ProviderError):
            raise error
        return error

    async def next(self, patience: float | None) -> LlmEvent | None:
        """None at the end. Raises ProviderError, also when nothing comes for so many seconds: it is over then."""
        try:
            async with asyncio.timeout(patience) as self._limit:
                event = await anext(self._events, None)
        except TimeoutError:
            if not self._limit.expired():
                raise
            raise ProviderError("timeout", f"{self.name} stopped in the middle of its answer.") from None
        if isinstance(event, TextDelta) and self._tokens < _MEASURED:
            self._tokens += estimated_tokens(event.text)
            self._tokens_ms = self._clock() * 1000 - self._text_began
        return event

    async def aclose(self) -> None:
        self.first.cancel()
        await asyncio.wait([self.first])
        await self._events.aclose()
        if not self.first.cancelled():
            _ = self.error

    async def _begin(self) -> LlmEvent | None:
        self._health.began(self._key)
        event = await anext(self._events, None)
        self._text_began = self._clock() * 1000
        return event

    def _report(self, attempt: Attempt) -> None:
        stalled = self._limit.expired()
        if (self.lost or stalled) and attempt.outcome == "cancelled":
            attempt = replace(attempt, outcome="superseded")
        self.attempt = attempt
        spoke = attempt.first_output is not None
        seen = Seen(
            waited_ms=(attempt.first_output or attempt.ended) - attempt.began,
            spoke=spoke,
            failed=attempt.error in _SICK or stalled,
            overtaken=self.overtaken and not spoke,
            tokens=self._tokens,
            tokens_ms=self._tokens_ms,
        )
        self._health.ended(self._key, seen)
        self._tell(attempt)


class Race:
    """`running` are in the order in which they began. Whoever is closed is closed by `aclose` for certain."""

    def __init__(self) -> None:
        self.running: list[Contender] = []
        self._closing: list[asyncio.Task[None]] = []

    def enter(self, contender: Contender) -> None:
        self.running.append(contender)

    def leave(self, contender: Contender) -> None:
        """It has failed."""
        self.running.remove(contender)
        self._close(contender)

    def win(self, winner: Contender) -> Sequence[Contender]:
        """Those who lost by that, who are being closed."""
        before = self.running.index(winner)
        losers = [contender for contender in self.running if contender is not winner]
        for n, loser in enumerate(losers):
            loser.lost = True
            loser.overtaken = n < before
            self._close(loser)
        self.running = [winner]
        return losers

    async def next(self, until: float) -> Contender | None:
        """The first one that has spoken or failed; None at the time `until` on the loop's clock."""
        left = max(until - asyncio.get_running_loop().time(), 0.0)
        await asyncio.wait(
            [contender.first for contender in self.running],
            timeout=None if left == float("inf") else left,
            return_when=asyncio.FIRST_COMPLETED,
        )
        return next((contender for contender in self.running if contender.first.done()), None)

    async def aclose(self) -> None:
        for contender in self.running:
            self._close(contender)
        self.running = []
        if self._closing:
            await asyncio.gather(*self._closing)

    def _close(self, contender: Contender) -> None:
        contender.first.cancel()
        self._closing.append(asyncio.create_task(contender.aclose(), name="close a model"))


Enter = Callable[[str, LlmRequest, Reason], Contender]
"""Asks the model of this name. Raises UnknownModel."""
