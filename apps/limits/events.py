"""Client events a second. A process takes tokens for a key in advance, so that an event costs it a subtraction.

The tokens of a purse are out of the shared bucket already: all processes together never spend more than it had.
What a purse does not use within a second it gives back.
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace

from antiphon.protocol.server_events import RateLimit
from apps.limits.meters import Rate, Taken, process_share, take
from apps.limits.resolving import Limits
from apps.limits.store import Sender, Store, Unreachable

MOST_AHEAD = 50  # tokens that a purse holds
_AHEAD_SECONDS = 0.5  # for which a purse is filled
_KEPT_SECONDS = 1.0
_PAUSE = 0.005  # seconds at least between questions to an empty bucket
_MOST_BUCKETS = 10_000


def ahead(granted: int, seconds: float, limit: int) -> int:
    """How many tokens to hold after `granted` of them lasted for `seconds`: enough for a while, and at most a tenth
    of the limit, so that others find some."""
    most = min(MOST_AHEAD, max(1, limit // 10))
    if seconds <= 0:
        return most
    return min(most, max(1, math.ceil(granted / seconds * _AHEAD_SECONDS)))


class Purse:
    """What a process may spend for one key of a tenant, shared by the key's sessions there. An EventAllowance of
    the engine."""

    def __init__(self, rates: "EventRates", sender: Sender) -> None:
        self._all = rates
        self._sender = sender
        self._loop = asyncio.get_running_loop()
        self.sessions = 0
        self._rates: tuple[Rate, ...] = ()
        self._left = 0
        self._low = 0  # at which more are fetched
        self._answer: Taken | None = None  # to the last question
        self._answered = -math.inf  # when
        self._none_before = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        self._clearing: asyncio.TimerHandle | None = None

    def allow(self, limits: Limits) -> None:
        """These limits hold from now on."""
        self._rates = rates_of(limits)

    # EventAllowance

    def take(self) -> bool:
        left = self._left
        if left <= 0:
            return False
        self._left = left - 1
        if left == self._low:
            self._fetch()
        return True

    async def ask(self) -> bool:
        while not self.take():
            if self._loop.time() < self._none_before:
                return False
            await self._fetched()
        return True

    async def wait(self) -> None:
        while not self.take():
            pause = self._none_before - self._loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            else:
                await self._fetched()

    def told(self) -> Sequence[RateLimit]:
        """By what was answered last, and what has flowed in since; what others take meanwhile is not known yet."""
        answer = self._answer
        limit = min(rate.limit for rate in self._rates) if answer is None else answer.limit
        remaining = limit
        if answer is not None:
            passed = self._loop.time() - self._answered
            remaining = min(limit, answer.remaining + math.floor(passed * limit) + self._left)
        reset = round((limit - remaining) / limit, 3)
        return [RateLimit(name="requests", limit=limit, remaining=remaining, reset_seconds=reset)]

    async def close(self) -> None:
        """No task and no token is left of it."""
        if self._fetching is not None:
            await asyncio.wait([self._fetching])
        if self._clearing is not None:
            self._clearing.cancel()
        self._give_back()
        if self._returning is not None:
            await asyncio.wait([self._returning])

    # Within

    async def _fetched(self) -> None:
        """Once the next answer is there. It grants something, or says when something can be had."""
        self._fetch()
        if self._fetching is not None:
            await asyncio.wait([self._fetching])

    def _fetch(self) -> None:
        if self._fetching is not None:
            return
        store = self._all.store
        if store is None or store.is_down:
            self._put(self._by_itself())
        else:
            self._fetching = self._loop.create_task(
                self._ask_store(store), name="fetch an allowance of events"
            )

    async def _ask_store(self, store: Store) -> None:
        try:
            self._put(await store.take_events(self._sender, self._wanted(), self._rates))
        except Unreachable:
            self._put(self._by_itself())
        finally:
            self._fetching = None

    def _by_itself(self) -> Taken:
        return self._all.by_itself(self._sender, self._rates, self._wanted(), self._loop.time())

    def _wanted(self) -> int:
        granted = self._answer.granted if self._answer else 1
        limit = min(rate.limit for rate in self._rates)
        return max(1, ahead(granted, self._loop.time() - self._answered, limit) - self._left)

    def _put(self, answer: Taken) -> None:
        now = self._loop.time()
        self._answer, self._answered = answer, now
        self._left += answer.granted
        self._low = max(1, self._left // 4)
        if not answer.granted:
            self._none_before = now + max(answer.wait, _PAUSE)
        if self._clearing is None:
            self._clearing = self._loop.call_later(_KEPT_SECONDS, self._clear)

    def _clear(self) -> None:
        """What was fetched a while ago and not used goes back."""
        self._clearing = None
        rest = self._answered + _KEPT_SECONDS - self._loop.time()
        if rest > 0.001:
            self._clearing = self._loop.call_later(rest, self._clear)
        else:
            self._give_back()

    def _give_back(self) -> None:
        left, self._left = self._left, 0
        store = self._all.store
        if left and store is not None and not store.is_down:
            returning = store.take_events(self._sender, -left, self._rates)
            self._returning = self._loop.create_task(
                _told_or_lost(returning), name="give back an allowance of events"
            )


class EventRates:
    """The purses of a process."""

    def __init__(self, *, processes: int = 1) -> None:
        self.store: Store | None = None
        self._processes = processes
        self._purses: dict[Sender, Purse] = {}
        self._full_at: dict[tuple[str, ...], float] = {}  # of the buckets that this process has by itself

    def enter(self, sender: Sender, limits: Limits) -> Purse:
        """For one more session of the sender, until `leave`."""
        purse = self._purses.get(sender)
        if purse is None:
            purse = self._purses[sender] = Purse(self, sender)
        purse.sessions += 1
        purse.allow(limits)
        return purse

    async def leave(self, sender: Sender) -> None:
        purse = self._purses[sender]
        purse.sessions -= 1
        if not purse.sessions:
            del self._purses[sender]
            await purse.close()

    def by_itself(self, sender: Sender, rates: Sequence[Rate], wanted: int, now: float) -> Taken:
        """The answer of this process alone, which allows its share."""
        if len(self._full_at) > _MOST_BUCKETS:
            self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        names = ((sender.tenant,), (sender.tenant, sender.key), (sender.tenant, "customer", sender.customer))
        buckets = [
            (
                name,
                Rate(process_share(rate.limit, self._processes), rate.seconds),
                self._full_at.get(name, now),
            )
            for name, rate in zip(names, rates, strict=False)
        ]
        answers = [take(rate, full_at, wanted, now)[0] for _, rate, full_at in buckets]
        granted = min(answer.granted for answer in answers)
        taken = [(name, *take(rate, full_at, granted, now)) for name, rate, full_at in buckets]
        for name, _, full_at in taken:
            self._full_at[name] = full_at
        least = min((answer for _, answer, _ in taken), key=lambda answer: answer.remaining)
        return replace(
            least, granted=granted, wait=max(answer.wait for answer in answers) if not granted else 0.0
        )


def rates_of(limits: Limits) -> tuple[Rate, ...]:
    """The tenant's, the key's and the customer's. Who has none is left out at the end, and before others has the
    tenant's, which says nothing more."""
    tenant, key = limits.events_per_second, limits.events_per_second_per_key
    if customer := limits.events_per_second_per_customer:
        return Rate(tenant), Rate(key or tenant), Rate(customer)
    return (Rate(tenant), Rate(key)) if key else (Rate(tenant),)


async def _told_or_lost(returning: Awaitable[Taken]) -> None:
    with suppress(Unreachable):
        await returning
