"""What all processes know of models, by way of Redis."""

import asyncio
from collections.abc import Collection, Mapping

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from antiphon.providers.routing.health import Cell, Health, Unreachable
from antiphon.providers.routing.statistics import Counts

_PATIENCE = 1.0  # seconds for Redis to answer
_KEPT = 3  # stretches of time, of which two are looked at

log = structlog.get_logger(__name__)


class RedisTotals:
    """`Totals` in hashes that go by themselves, one for each cell."""

    def __init__(self, url: str) -> None:
        # Once more, at once: a pooled connection may have been closed since it was last used.
        self._redis = redis.asyncio.from_url(url, retry=Retry(NoBackoff(), 1))

    async def exchange(self, added: Mapping[Cell, Counts], wanted: Collection[Cell]) -> Mapping[Cell, Counts]:
        """One round trip. Raises Unreachable."""
        asked = list(wanted)
        try:
            async with asyncio.timeout(_PATIENCE), self._redis.pipeline(transaction=False) as pipeline:
                for cell, counts in added.items():
                    for name, count in counts.items():
                        if count:
                            pipeline.hincrby(_name(cell), name, count)
                    pipeline.expire(_name(cell), _KEPT * cell.seconds)
                for cell in asked:
                    pipeline.hgetall(_name(cell))
                answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from None
        found = zip(asked, answers[len(answers) - len(asked) :], strict=True)
        return {cell: Counts({n.decode(): int(c) for n, c in hashed.items()}) for cell, hashed in found}

    async def aclose(self) -> None:
        await self._redis.aclose()


class HealthExchange:
    """Keeps a process's knowledge of models up to date while it runs."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._totals: RedisTotals | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self, redis_url: str) -> None:
        self._totals = RedisTotals(redis_url)
        self._keeping = asyncio.create_task(self._health.keep(self._totals, _warn), name="exchange health")

    async def stop(self) -> None:
        """May be called without `start`."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._totals is not None:
            await self._totals.aclose()
        self._totals = self._keeping = None


def _warn(error: Unreachable) -> None:
    log.warning("model_health_not_shared", error=str(error))


def _name(cell: Cell) -> str:
    return f"antiphon:health:{cell.key}:{cell.seconds}:{cell.number}"
