"""What is known of models: how fast they are and whether they work, from the calls of all processes.

A process counts its own calls and, about once a second, adds them to totals that all processes share and reads
those back. Nothing waits for that: without it a process knows its own calls.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from antiphon.providers.routing.breakers import Breaker, BreakerRules, BreakerState, Tally, Verdict
from antiphon.providers.routing.statistics import (
    CALLS,
    ERRORS,
    OVERTAKEN,
    SLOW,
    TOKENS,
    TOKENS_MS,
    Counts,
    Speed,
    count_first_word,
    speed,
)

EXCHANGE_EVERY = 1.0  # seconds

# Seconds. A window is the stretch in progress and the one before it, so that old calls drop out.
_HEALTH_STRETCH = 30
_SPEED_STRETCH = 300
_IN_USE = 30.0  # for which a model that was asked, or asked about, is kept up to date


class Cell(NamedTuple):
    """The counts of one model in one stretch of time; `key` is the model's, within whoever shares its calls."""

    key: str
    seconds: int
    number: int


class Unreachable(Exception):
    """The shared totals can't be reached; the message says why."""


class Totals(Protocol):
    """Counts that processes share."""

    async def exchange(self, added: Mapping[Cell, Counts], wanted: Collection[Cell]) -> Mapping[Cell, Counts]:
        """Adds to the totals and returns those that are wanted. Raises Unreachable."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call that is over: `waited_ms` for its first word or, if it never `spoke`, for nothing."""

    waited_ms: float
    spoke: bool = False
    failed: bool = False
    overtaken: bool = False  # a hedge that began later was faster
    tokens: int = 0  # of the first stretch of the answer ...
    tokens_ms: float = 0.0  # ... and how long they took


@dataclass(frozen=True, slots=True)
class Vital:
    """What a router knows of a model."""

    breaker: BreakerState = "closed"
    speed: Speed = field(default_factory=Speed)


class Health:
    """`clock` is in seconds and the same for all processes."""

    def __init__(self, rules: BreakerRules = BreakerRules(), clock: Callable[[], float] = time.time) -> None:  # noqa: B008
        self._rules = rules
        self._clock = clock
        self._shared: dict[Cell, Counts] = {}
        self._adding: dict[Cell, Counts] = {}  # on their way to the totals
        self._unsent: dict[Cell, Counts] = {}
        self._breakers: dict[str, Breaker] = {}
        self._used: dict[str, float] = {}
        self._tidy_at = 0.0

    def vital(self, key: str) -> Vital:
        now = self._use(key)
        state = self._breaker(key).look(now, self._tallies(key, now))
        return Vital(state, speed([counts for _, counts in self._counted(key, _SPEED_STRETCH, now)]))

    def began(self, key: str) -> None:
        """A call begins; on a breaker that is half open it is the probe."""
        self._use(key)
        self._breaker(key).probe()

    def ended(self, key: str, seen: Seen) -> None:
        """A call that began is over."""
        now = self._use(key)
        slow = seen.overtaken or seen.waited_ms > self._rules.slow_ms
        ill = seen.failed or slow
        if ill or seen.spoke:
            health = self._added(key, _HEALTH_STRETCH, now)
            health.update({CALLS: 1, ERRORS: int(seen.failed), SLOW: int(slow)})
        if seen.spoke or seen.overtaken:
            speeds = self._added(key, _SPEED_STRETCH, now)
            speeds[OVERTAKEN] += seen.overtaken
            if seen.spoke:
                count_first_word(speeds, seen.waited_ms)
            speeds.update({TOKENS: seen.tokens, TOKENS_MS: round(seen.tokens_ms)})
        verdict: Verdict = "ill" if ill else "well" if seen.spoke else "unknown"
        self._breaker(key).ended(now, self._tallies(key, now), verdict)

    async def keep(self, totals: Totals, report: Callable[[Unreachable], None]) -> None:
        """Exchanges with the other processes until cancelled; `report` is told when that begins to fail."""
        failing = False
        while True:
            await asyncio.sleep(EXCHANGE_EVERY)
            try:
                await self.exchange(totals)
                failing = False
            except Unreachable as error:
                if not failing:
                    report(error)
                failing = True

    async def exchange(self, totals: Totals) -> None:
        """Raises Unreachable; what was counted is then added the next time."""
        self._adding, self._unsent = self._unsent, {}
        wanted = {*self._adding, *self._cells_in_use()}
        if not wanted:
            return
        try:
            self._shared.update(await totals.exchange(self._adding, wanted))
        except BaseException:
            for cell, counts in self._adding.items():
                self._unsent.setdefault(cell, Counts()).update(counts)
            raise
        finally:
            self._adding = {}

    def _use(self, key: str) -> float:
        now = self._clock()
        self._used[key] = now
        if now >= self._tidy_at:
            self._tidy_at = now + _HEALTH_STRETCH
            self._forget_old(now)
        return now

    def _breaker(self, key: str) -> Breaker:
        if key not in self._breakers:
            self._breakers[key] = Breaker(self._rules)
        return self._breakers[key]

    def _tallies(self, key: str, now: float) -> Mapping[int, Tally]:
        tallies: dict[int, Tally] = {}
        for number, counts in self._counted(key, _HEALTH_STRETCH, now):
            calls, errors, slow = tallies.get(number, Tally())
            tallies[number] = Tally(calls + counts[CALLS], errors + counts[ERRORS], slow + counts[SLOW])
        return tallies

    def _counted(self, key: str, seconds: int, now: float) -> Iterator[tuple[int, Counts]]:
        for cell in _window(key, seconds, now):
            for source in (self._shared, self._adding, self._unsent):
                if cell in source:
                    yield cell.number, source[cell]

    def _added(self, key: str, seconds: int, now: float) -> Counts:
        return self._unsent.setdefault(_window(key, seconds, now)[0], Counts())

    def _cells_in_use(self) -> Iterator[Cell]:
        now = self._clock()
        for key, used in self._used.items():
            if used >= now - _IN_USE:
                yield from _window(key, _HEALTH_STRETCH, now)
                yield from _window(key, _SPEED_STRETCH, now)

    def _forget_old(self, now: float) -> None:
        for source in (self._shared, self._unsent):
            for cell in [c for c in source if c.number < int(now // c.seconds) - 1]:
                del source[cell]
        for key in [key for key, used in self._used.items() if used < now - 2 * _SPEED_STRETCH]:
            del self._used[key]
            self._breakers.pop(key, None)


def _window(key: str, seconds: int, now: float) -> tuple[Cell, Cell]:
    number = int(now // seconds)
    return Cell(key, seconds, number), Cell(key, seconds, number - 1)
