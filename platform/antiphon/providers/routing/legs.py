"""What routed recognisers and voices share: models asked one after the other, each for a leg of the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.routing.health import Health, Seen

Event = TypeVar("Event")


class Leg:
    """One model's call, for its health. `waits` says when something is expected of it, `spoke` when it comes."""

    def __init__(self, name: str, health: Health, key: str) -> None:
        self.name = name
        self._health = health
        self._key = key
        self._clock = asyncio.get_running_loop().time
        self._since: float | None = None
        self._waited_ms: float | None = None
        self._over = False
        health.began(key)

    def waits(self) -> None:
        if self._since is None:
            self._since = self._clock()

    def spoke(self) -> None:
        if self._waited_ms is None and self._since is not None:
            self._waited_ms = (self._clock() - self._since) * 1000

    def end(self, *, failed: bool = False) -> None:
        """May be called again; the first time counts."""
        if self._over:
            return
        self._over = True
        spoke = self._waited_ms is not None
        if self._waited_ms is None:
            self._waited_ms = 0.0 if self._since is None else (self._clock() - self._since) * 1000
        self._health.ended(self._key, Seen(self._waited_ms, spoke=spoke, failed=failed))


class Patience:
    """Waits for the next event of a stream, but only until a deadline that may be set meanwhile."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None
        self._at: float | None = None

    def ends_in(self, seconds: float | None) -> None:
        """None: never."""
        self._at = None if seconds is None else asyncio.get_running_loop().time() + seconds
        if self._limit is not None:
            self._limit.reschedule(self._at)

    async def next(self, events: AsyncIterator[Event], name: str) -> Event | None:
        """None at the end. Raises ProviderError when patience ends, and what the stream raises."""
        try:
            async with asyncio.timeout_at(self._at) as self._limit:
                return await anext(events, None)
        except TimeoutError:
            if self._limit is not None and self._limit.expired():
                raise ProviderError("timeout", f"{name} took too long.") from None
            raise
        finally:
            self._limit = None
