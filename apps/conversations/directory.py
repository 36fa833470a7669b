"""Where each call lives: Redis tells every process which of them runs a session.

An entry is a lease that its process renews, so the entries of a process that dies go by themselves.
"""

import asyncio
from collections.abc import Callable, Collection

import msgspec
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_PATIENCE = 1.0  # seconds for Redis to answer
_RENEWALS = 3  # in the time of a lease

log = structlog.get_logger(__name__)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A call, whose it is, and the address of the process that runs it."""

    call_id: str
    tenant_id: str
    host: str
    port: int
    token_digest: str | None = None  # of the token that resumes it
    customer_id: str = ""  # of the tenant's own, whose account it is on


class OutOfReach(Exception):
    """Redis, or the process that runs a call, does not answer."""


class Directory:
    def __init__(self, url: str, *, lease_seconds: float, alive: Callable[[], Collection[Place]]) -> None:
        """`alive` lists the places of this process, whose leases are renewed."""
        # Once more, at once: a pooled connection may have been closed since it was last used.
        self._redis = redis.asyncio.from_url(url, retry=Retry(NoBackoff(), 1))
        self._lease_ms = round(lease_seconds * 1000)
        self._alive = alive

    async def keep(self) -> None:
        """Renews the leases until cancelled; what Redis has lost, it gets again."""
        while True:
            await asyncio.sleep(self._lease_ms / 1000 / _RENEWALS)
            renewed = self._alive()
            await self._write(renewed)
            alive = self._alive()
            for place in renewed:
                if place not in alive:  # removed meanwhile, and perhaps written after that
                    await self.remove(place)

    async def add(self, place: Place) -> None:
        """Without Redis, other processes find the call once Redis is back."""
        await self._write([place])

    async def remove(self, place: Place) -> None:
        """`alive` must not list it any more. Without Redis its lease ends."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._redis.delete(*_names(place))
        except (RedisError, OSError) as error:
            _warn("directory_entry_not_removed", error)

    async def find_call(self, call_id: str) -> Place | None:
        """Raises OutOfReach."""
        return await self._find(_call(call_id))

    async def find_token(self, token_digest: str) -> Place | None:
        """Raises OutOfReach."""
        return await self._find(_token(token_digest))

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _write(self, places: Collection[Place]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE), self._redis.pipeline(transaction=False) as pipeline:
                for place in places:
                    entry = msgspec.json.encode(place)
                    for name in _names(place):
                        pipeline.set(name, entry, px=self._lease_ms)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            _warn("directory_not_written", error)

    async def _find(self, name: str) -> Place | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                entry = await self._redis.get(name)
        except (RedisError, OSError) as error:
            _warn("directory_not_read", error)
            raise OutOfReach from None
        return msgspec.json.decode(entry, type=Place) if entry else None


def _warn(what: str, error: Exception) -> None:
    log.warning(what, error=f"{type(error).__name__}: {error}")


def _names(place: Place) -> list[str]:
    names = [_call(place.call_id)]
    if place.token_digest:
        names.append(_token(place.token_digest))
    return names


def _call(call_id: str) -> str:
    return f"antiphon:call:{call_id}"


def _token(digest: str) -> str:
    return f"antiphon:resume:{digest}"
