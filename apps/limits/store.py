"""The limits that all processes share, in Valkey. While it does not answer, nobody waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.limits import scripts
from apps.limits.meters import Rate, Taken

PATIENCE = 1.0  # seconds for Valkey to answer
_CONNECTIONS = 8  # of a process; a burst of sessions waits for one rather than open more

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class Unreachable(Exception):
    """Valkey does not answer, or none was named."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends events: a key of a tenant, perhaps for one of its customers."""

    tenant: str
    key: str
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """One session's place in the counts: of its tenant, its key, the address it came from, and the customer of the
    tenant's own that it is for."""

    id: str
    tenant: str
    key: str
    address: str
    customer: str = ""


class Store:
    def __init__(self, url: str, *, lease_seconds: float, patience: float = PATIENCE) -> None:
        # Once more, at once: a pooled connection may have been closed since it was last used.
        retry = Retry(NoBackoff(), 1)
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=patience, retry=retry
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._patience = patience
        self._take = self._redis.register_script(scripts.TAKE)
        self._acquire = self._redis.register_script(scripts.ACQUIRE)
        self._renew = self._redis.register_script(scripts.RENEW)
        self._release = self._redis.register_script(scripts.RELEASE)
        self._lease_us = round(lease_seconds * 1_000_000)
        self.is_down = False

    async def take_events(self, sender: Sender, wanted: int, rates: Sequence[Rate]) -> Taken:
        """Up to `wanted` events, by the rates of the tenant, the key and the customer, as far as there are any;
        fewer than none gives them back. Raises Unreachable."""
        base = events_of(sender.tenant)
        names = [base, f"{base}:key:{sender.key}", f"{base}:customer:{sender.customer}"][: len(rates)]
        fair = [f"{events_of(sender.tenant)}:share:{sender.key}", f"{events_of(sender.tenant)}:keys"]
        arguments: list[str | int] = [*take_arguments(wanted, rates), sender.key]
        return taken(await self._ask(lambda: self._take(keys=[*names, *fair], args=arguments)))

    async def acquire(self, lease: Lease, limits: Sequence[int]) -> tuple[int, int]:
        """0, or the number of the limit that refuses, as `scripts.ACQUIRE` has it, and how many sessions the tenant
        has now. `limits` are those of the tenant, the key, the address and, for a session of one, the customer.
        Raises Unreachable."""
        arguments: list[str | int] = [lease.id, self._lease_us, *limits[:3], lease.key, *limits[3:]]
        refused, running = await self._ask(lambda: self._acquire(keys=_names(lease), args=arguments))
        return refused, running

    async def renew(self, leases: Iterable[Lease]) -> None:
        """In one round trip; it is also how Valkey is found to answer again. Raises Unreachable."""

        async def send() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.ping()
                for lease in leases:
                    await self._renew(
                        keys=_held(lease), args=[lease.id, self._lease_us, lease.key], client=pipeline
                    )
                await pipeline.execute()

        await self._ask(send, probe=True)

    async def release(self, leases: Iterable[Lease]) -> None:
        """Raises Unreachable: the leases then end by themselves."""

        async def send() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for lease in leases:
                    await self._release(keys=_held(lease), args=[lease.id, lease.key], client=pipeline)
                await pipeline.execute()

        await self._ask(send)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _ask(self, question: Callable[[], Awaitable[Answer]], *, probe: bool = False) -> Answer:
        if self.is_down and not probe:
            raise Unreachable
        try:
            async with asyncio.timeout(self._patience):
                answer = await question()
        except (RedisError, OSError, TimeoutError) as error:
            if not self.is_down:
                self.is_down = True
                log.warning("limits_not_shared", error=f"{type(error).__name__}: {error}")
            raise Unreachable from None
        if self.is_down:
            self.is_down = False
            log.info("limits_shared_again")
        return answer


def take_arguments(wanted: int, rates: Sequence[Rate]) -> list[str | int]:
    """ARGV of `scripts.TAKE`."""
    meters: list[str | int] = []
    for rate in rates:
        meters += [repr(rate.interval * 1_000_000), rate.limit]
    return [wanted, len(rates), *meters]


def taken(answer: Sequence[int]) -> Taken:
    """What `scripts.TAKE` answers."""
    granted, wait, limit, remaining, reset = answer
    return Taken(granted, wait / 1_000_000, limit, remaining, reset / 1_000_000)


def sessions_of(tenant: str) -> str:
    """All names of one tenant are in one slot of a cluster."""
    return f"antiphon:{{{tenant}}}:sessions"


def events_of(tenant: str) -> str:
    return f"antiphon:{{{tenant}}}:events"


def requests_of(tenant: str, key: str) -> str:
    return f"antiphon:{{{tenant}}}:requests:{key}"


def _names(lease: Lease) -> list[str]:
    """KEYS of `scripts.ACQUIRE`."""
    base = sessions_of(lease.tenant)
    return [
        base,
        f"{base}:key:{lease.key}",
        f"{base}:address:{lease.address}",
        f"{base}:keys",
        f"{base}:waiting",
        *_of_customer(lease),
    ]


def _held(lease: Lease) -> list[str]:
    """KEYS of `scripts.RENEW` and `scripts.RELEASE`."""
    return [*_names(lease)[:4], *_of_customer(lease)]


def _of_customer(lease: Lease) -> list[str]:
    return [f"{sessions_of(lease.tenant)}:customer:{lease.customer}"] if lease.customer else []
