"""The limits as one process of many keeps them: its sessions' leases and its purses, and the way to Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

from apps.limits.events import EventRates, Purse
from apps.limits.resolving import Limits
from apps.limits.slots import LEASE_SECONDS, RENEWALS, Slots
from apps.limits.store import PATIENCE, Lease, Sender, Store, Unreachable

_AGAIN = 1.0  # seconds after which a Valkey that was away is looked for


@dataclass(slots=True)
class Place:
    """A session's place among those that may run, and its allowance of events, until it is left."""

    allowance: Purse
    limits: Limits
    running: int  # sessions of the tenant, this one included
    _lease: Lease
    _process: "ProcessLimits"

    async def __aenter__(self) -> "Place":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.leave(self._lease)

    @property
    def headers(self) -> dict[str, str]:
        """Of the response to the handshake: `requests` are client events, as in `rate_limits.updated`."""
        [events] = self.allowance.told()
        return {
            "x-ratelimit-limit-requests": str(events.limit),
            "x-ratelimit-remaining-requests": str(events.remaining),
            "x-ratelimit-reset-requests": f"{events.reset_seconds:.3f}s",
            **session_headers(self.limits.sessions, self.running),
        }


def session_headers(limit: int, running: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit-sessions": str(limit),
        "x-ratelimit-remaining-sessions": str(max(0, limit - running)),
    }


class ProcessLimits:
    """Until `start`, and while Valkey is away, a process keeps to its share of the limits by itself."""

    def __init__(self, *, processes: int = 1) -> None:
        self._slots = Slots(processes=processes)
        self._events = EventRates(processes=processes)
        self._store: Store | None = None
        self._renew_every = LEASE_SECONDS / RENEWALS
        self._keeping: asyncio.Task[None] | None = None

    def start(
        self, redis_url: str, *, lease_seconds: float = LEASE_SECONDS, patience: float = PATIENCE
    ) -> None:
        self._store = self._events.store = Store(redis_url, lease_seconds=lease_seconds, patience=patience)
        self._renew_every = lease_seconds / RENEWALS
        self._keeping = asyncio.create_task(self._keep(self._store), name="renew the leases of sessions")

    async def stop(self) -> None:
        """May be called without `start`."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._store is not None:
            await self._store.aclose()
        self._store = self._events.store = self._keeping = None

    async def enter(
        self, *, tenant: str, key: str, address: str, customer: str = "", limits: Limits
    ) -> Place:
        """For one more session, which leaves its place when it ends. Raises TooManySessions."""
        lease, running = await self._slots.acquire(
            self._store, tenant=tenant, key=key, address=address, customer=customer, limits=limits
        )
        purse = self._events.enter(Sender(tenant, key, customer), limits)
        return Place(purse, limits, running, lease, self)

    async def leave(self, lease: Lease) -> None:
        """Called by the place."""
        try:
            await self._events.leave(Sender(lease.tenant, lease.key, lease.customer))
        finally:
            await self._slots.release(self._store, lease)

    @asynccontextmanager
    async def session(self, *, tenant: str, key: str, address: str, limits: Limits) -> AsyncIterator[Place]:
        """A place for as long as the block lasts. Raises TooManySessions."""
        async with await self.enter(tenant=tenant, key=key, address=address, limits=limits) as place:
            yield place

    async def _keep(self, store: Store) -> None:
        """Renews the leases. A Valkey that is back learns at once of the sessions that it has no leases of."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(min(_AGAIN, self._renew_every))
            if store.is_down or time.monotonic() - renewed >= self._renew_every - _AGAIN / 2:
                with suppress(Unreachable):
                    await self._slots.renew(store)
                    renewed = time.monotonic()
