"""The WebSocket over which somebody in the browser listens in to a session of their tenant.

It is opened with the cookie of their sign-in, so only from a page of our own: a browser tells where a page comes
from, and any other origin is refused. That they listen is noted in the audit log before they hear anything.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
from channels.auth import get_user
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async

from antiphon.transports.relay_link import Request
from apps.audit.acting import Actor, acting, forwarded_address
from apps.audit.services import record
from apps.conversations import runtime
from apps.conversations.calls import NoSuchCall
from apps.conversations.directory import OutOfReach, Place
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import atomic, tenant_context
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership, membership_lookup

NOT_FOUND, FORBIDDEN, OUT_OF_REACH = 4404, 4403, 4503  # close codes, after the WebSocket's own range

log = structlog.get_logger(__name__)


class _Refused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class ListenInConsumer(AsyncConsumer):
    """Needs channels' session in its scope. Who is not signed in, or not a member, finds nothing here."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        try:
            if not _is_own_page(scope):
                raise _Refused(FORBIDDEN, "Listening in works from the dashboard's own pages only.")
            path = scope["url_route"]["kwargs"]
            user = await get_user(scope)
            load = database_sync_to_async(membership_lookup, thread_sensitive=False)
            membership = await load(user_id=user.pk, slug=path["slug"]) if user.is_authenticated else None
            if membership is None:
                raise _Refused(NOT_FOUND, "There is no such call.")
            actor = Actor.person(user, address=_address(scope))
            with tenant_context(membership.tenant_id), acting(actor):
                await _listen_in(membership, path["call_id"], receive, send)
        except _Refused as refused:
            # Accepted first: a browser shows the close code of no socket that was never open.
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": refused.code, "reason": refused.reason})


async def _listen_in(membership: PersonalMembership, call_id: str, receive: Any, send: Any) -> None:
    """Raises _Refused."""
    find = database_sync_to_async(_session, thread_sensitive=False)
    session = await find(call_id)
    if session is None:
        raise _Refused(NOT_FOUND, "There is no such call.")
    if not membership.allows(May.LISTEN_IN):
        raise _Refused(FORBIDDEN, "Your role does not allow to listen in: ask an admin of the tenant.")
    request = Request(want="listen_in", tenant_id=str(membership.tenant_id), call_id=call_id)
    place = await _place(request)
    async with _noted(session):
        await send({"type": "websocket.accept"})
        try:
            await runtime.calls.join(request, place, receive, send)
        except OutOfReach:
            log.warning("session_out_of_reach", host=place.host, port=place.port)
            await send(
                {"type": "websocket.close", "code": OUT_OF_REACH, "reason": "The session is out of reach."}
            )


async def _place(request: Request) -> Place:
    """Raises _Refused."""
    try:
        return await runtime.calls.find(request)
    except NoSuchCall:
        raise _Refused(NOT_FOUND, "The session is over.") from None
    except OutOfReach:
        raise _Refused(OUT_OF_REACH, "The session's process does not answer: try again.") from None


@asynccontextmanager
async def _noted(session: RealtimeSession) -> AsyncIterator[None]:
    """In the audit log: who listens in, from when, and for how long."""
    note = database_sync_to_async(_note, thread_sensitive=False)
    await note("session.listening_began", session)
    began = time.monotonic()
    try:
        yield
    finally:
        await note("session.listening_ended", session, seconds=round(time.monotonic() - began))


@atomic()
def _note(action: str, session: RealtimeSession, **after: Any) -> None:
    record(action=action, target=session, after=after or None)


def _session(call_id: str) -> RealtimeSession | None:
    return RealtimeSession.objects.filter(call_id=call_id, ended_at=None).first()


def _is_own_page(scope: Any) -> bool:
    headers = dict(scope["headers"])
    origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
    return bool(origin.netloc) and origin.netloc == headers.get(b"host", b"").decode("latin-1")


def _address(scope: Any) -> str | None:
    headers, peer = dict(scope["headers"]), scope.get("client")
    forwarded_for = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    return forwarded_address(forwarded_for, peer[0] if peer else None)
