"""Ends the sessions of revoked keys.

Each process asks the database about the keys behind its own sessions. So no message can be lost, and a session that
begins while its key is being revoked ends too.
"""

import asyncio

import structlog
from channels.db import database_sync_to_async
from django.db import Error

from apps.conversations.calls import Calls
from apps.keys.selectors import revoked_keys

PERIOD = 2.0  # seconds

_revoked = database_sync_to_async(revoked_keys, thread_sensitive=False)

log = structlog.get_logger(__name__)


class RevocationWatch:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._watching: asyncio.Task[None] | None = None

    def start(self, period: float = PERIOD) -> None:
        self._watching = asyncio.create_task(self._watch(period), name="end sessions of revoked keys")

    async def stop(self) -> None:
        """May be called without `start`."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None

    async def look(self) -> None:
        """Ends the sessions of this process whose keys are revoked by now. Without the database nothing ends."""
        key_ids = self._calls.key_ids()
        if not key_ids:
            return
        try:
            revoked = await _revoked(key_ids)
        except Error as error:
            log.warning("revoked_keys_unknown", error=f"{type(error).__name__}: {error}")
            return
        if revoked:
            log.info("sessions_of_revoked_keys_end", keys=sorted(map(str, revoked)))
            self._calls.end_those_of(revoked)

    async def _watch(self, period: float) -> None:
        while True:
            await asyncio.sleep(period)
            await self.look()
