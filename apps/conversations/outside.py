"""Reaching running sessions from processes that run none: workers."""

import asyncio
from contextlib import suppress

from django.conf import settings

from antiphon.config.env import env
from apps.conversations.calls import Calls, NoSuchCall
from apps.conversations.directory import OutOfReach


def hang_up(call_id: str, tenant_id: str) -> bool:
    """Ends a session of the tenant's, whichever process it is in. False if it is over, or can't be reached."""
    return asyncio.run(_hang_up(call_id, tenant_id))


async def _hang_up(call_id: str, tenant_id: str) -> bool:
    calls = Calls()
    calls.look_up(
        secret_key=settings.SECRET_KEY,
        redis_url=settings.REDIS_URL,
        lease_seconds=env().antiphon_lease_seconds,
    )
    try:
        with suppress(NoSuchCall, OutOfReach):
            await calls.hang_up(call_id, tenant_id)
            return True
        return False
    finally:
        await calls.stop()
