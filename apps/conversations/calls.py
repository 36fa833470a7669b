"""The calls of this process, and the way to those of the others.

Every session is a call with an id. A socket or a request may want one, in whichever process it landed: `find` tells
where the call lives, and `join` connects the socket with it.
"""

import asyncio
import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from antiphon.engine.ids import Ids
from antiphon.engine.ports import Disconnected, Transport
from antiphon.engine.session import RunningSession
from antiphon.protocol import errors
from antiphon.protocol.dialects.named import new_dialect
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import Error
from antiphon.transports.relay import RESTARTING, RelayTransport, relay
from antiphon.transports.relay_link import Link, Listener, Request, Stranger, call, read_close
from antiphon.transports.websocket import Receive, Send, WebSocketTransport
from apps.conversations.directory import Directory, OutOfReach, Place

_PATIENCE = 5.0  # seconds for another process to do what it is asked
_HUNG_UP = 1000
_BAD_KEY = 3000
KEY_REVOKED = "API key revoked"  # why a session was closed, as its client is told
BALANCE_USED_UP = "balance_used_up"  # likewise
_REFUSED = 4000  # close code of the live service (protocol reference 7)


class NoSuchCall(Exception):
    """The tenant has no such call, or not any more."""


@dataclass(frozen=True, slots=True)
class _Call:
    session: RunningSession
    place: Place
    key_id: uuid.UUID | None  # of the API key that opened it, or minted the client secret that did


class Calls:
    """Until `start`, and after `stop`, only those of this process can be reached."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._by_token: dict[str, _Call] = {}
        self._address = ("", 0)
        self._key = b""
        self._directory: Directory | None = None
        self._listener: Listener | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._draining = False

    async def start(self, *, secret_key: str, host: str, redis_url: str, lease_seconds: float) -> None:
        """Lets other processes in, on an IP address of this machine that they can reach. Raises OSError."""
        listener = Listener(_relay_key(secret_key), self._serve)
        self._address = await listener.start(host)
        self._listener = listener
        directory = self.look_up(secret_key=secret_key, redis_url=redis_url, lease_seconds=lease_seconds)
        self._keeping = asyncio.create_task(directory.keep(), name="renew the leases of calls")

    def look_up(self, *, secret_key: str, redis_url: str, lease_seconds: float) -> Directory:
        """Finds those of other processes from now on; alone, for a process that runs none."""
        self._key = _relay_key(secret_key)
        self._directory = Directory(redis_url, lease_seconds=lease_seconds, alive=self._places)
        return self._directory

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.stop()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._directory is not None:
            await self._directory.aclose()
        self._listener = self._keeping = self._directory = None

    @asynccontextmanager
    async def running(
        self,
        session: RunningSession,
        call_id: str,
        tenant_id: str,
        key_id: uuid.UUID | None = None,
        customer_id: uuid.UUID | None = None,
    ) -> AsyncIterator[None]:
        """While inside, the session can be found."""
        host, port = self._address
        token = session.resume_token
        digest = token_digest(token) if token else None
        place = Place(
            call_id=call_id,
            tenant_id=tenant_id,
            host=host,
            port=port,
            token_digest=digest,
            customer_id=str(customer_id) if customer_id else "",
        )
        found = _Call(session, place, key_id)
        self._calls[call_id] = found
        if digest:
            self._by_token[digest] = found
        if self._draining:
            session.stop_waiting()
        try:
            if self._directory is not None:
                await self._directory.add(place)
            yield
        finally:
            del self._calls[call_id]
            if digest:
                del self._by_token[digest]
            if self._directory is not None:
                await self._directory.remove(place)

    async def find(self, request: Request) -> Place:
        """Raises NoSuchCall and OutOfReach."""
        found = self._here(request)
        if found is not None:
            return found.place
        if self._directory is None:
            raise NoSuchCall
        if request.want == "resume":
            place = await self._directory.find_token(request.token_digest)
        else:
            place = await self._directory.find_call(request.call_id)
        if place is None or not _may_reach(request, place):
            raise NoSuchCall
        return place

    async def join(self, request: Request, place: Place, receive: Receive, send: Send) -> None:
        """Connects a socket that has been accepted with the session at that place, until either side ends it.
        Raises OutOfReach."""
        found = self._here(request)
        if found is not None:
            await _connect(
                found.session, request, WebSocketTransport(receive, send, new_dialect(request.dialect))
            )
        else:
            await relay(await self._reach(request, place), receive, send)

    async def hang_up(self, call_id: str, tenant_id: str, customer_id: str = "") -> None:
        """Ends a session, with a `customer_id` only one on that account. Raises NoSuchCall and OutOfReach."""
        request = Request(want="hang_up", call_id=call_id, tenant_id=tenant_id, customer_id=customer_id)
        place = await self.find(request)
        found = self._here(request)
        if found is not None:
            found.session.end(_HUNG_UP, "hung up")
            return
        link = await self._reach(request, place)
        try:
            async with asyncio.timeout(_PATIENCE):
                _, answer = await link.read()
        except (Disconnected, TimeoutError):
            raise OutOfReach from None
        finally:
            link.abort()
        if read_close(answer)[0] != _HUNG_UP:
            raise NoSuchCall

    # What the end of a key asks

    def key_ids(self) -> set[uuid.UUID]:
        """The API keys behind the calls of this process."""
        return {found.key_id for found in self._calls.values() if found.key_id is not None}

    def end_those_of(self, key_ids: Collection[uuid.UUID]) -> None:
        """Ends the calls of this process that were opened with these keys."""
        for found in self._calls.values():
            if found.key_id in key_ids:
                found.session.end(_BAD_KEY, KEY_REVOKED)

    # What limits ask

    def wind_up(
        self,
        call_id: str,
        *,
        refused: Refused,
        goodbye: str,
        code: int,
        reason: str,
        patience_ms: float = 10_000,
    ) -> bool:
        """Ends a call of this process politely (`RunningSession.wind_up`). False if there is no such call here: it
        has ended, or lives in another process, where whoever watches over it says so.

        Who meters a call does this on the event loop, in an observer too:

            calls.wind_up(
                call_id,
                refused=errors.invalid_request("insufficient_quota", "Your balance is used up: top it up."),
                goodbye="I'm sorry, we have to stop here. Goodbye!",
                code=4000,
                reason=BALANCE_USED_UP,  # by which the session's end reason is known
            )
        """
        found = self._calls.get(call_id)
        if found is None:
            return False
        found.session.wind_up(
            refused=refused, goodbye=goodbye, code=code, reason=reason, patience_ms=patience_ms
        )
        return True

    # What a process that ends asks

    def drain(self) -> None:
        """Sessions without a client end at once, now and from now on."""
        self._draining = True
        for found in self._calls.values():
            found.session.stop_waiting()

    def busy(self) -> bool:
        return bool(self._calls)

    def end(self) -> None:
        for found in self._calls.values():
            found.session.end(RESTARTING, "the server restarts")

    # Within

    def _places(self) -> list[Place]:
        return [found.place for found in self._calls.values()]

    def _here(self, request: Request) -> _Call | None:
        if request.want == "resume":
            found = self._by_token.get(request.token_digest)
        else:
            found = self._calls.get(request.call_id)
        return found if found is not None and _may_reach(request, found.place) else None

    async def _reach(self, request: Request, place: Place) -> Link:
        try:
            return await call(place.host, place.port, self._key, request)
        except (Disconnected, Stranger):
            raise OutOfReach from None

    async def _serve(self, request: Request, link: Link) -> None:
        """Another process asks."""
        found = self._here(request)
        if request.want == "hang_up":
            if found is not None:
                found.session.end(_HUNG_UP, "hung up")
            await link.write_close(_REFUSED if found is None else _HUNG_UP, "")
            await link.close()
        elif found is not None:
            await _connect(found.session, request, RelayTransport(link, new_dialect(request.dialect)))
        else:
            await refuse(RelayTransport(link), no_such_call(request), _REFUSED)


def _relay_key(secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"antiphon relay", "sha256")


def _may_reach(request: Request, place: Place) -> bool:
    return place.tenant_id == request.tenant_id and request.customer_id in ("", place.customer_id)


async def _connect(session: RunningSession, request: Request, transport: Transport) -> None:
    try:
        if request.want == "resume":
            await session.resume(transport, request.last_event_id)
        elif request.want == "listen_in":
            await session.listen_in(transport)
        else:
            await session.attach(transport)
    except Refused as refused:
        await refuse(transport, refused, _REFUSED)


async def refuse(transport: Transport, refused: Refused, close_code: int) -> None:
    """Says why, in an error event, and closes."""
    body = refused.body
    with suppress(Disconnected):
        await transport.send(Error(event_id=Ids().new("event"), error=body))
        await transport.close(close_code, ".".join(filter(None, (body.type, body.code))))


def no_such_call(request: Request) -> Refused:
    if request.want == "resume":
        message = "No session goes on with this token, or not any more: open a new one."
        return errors.invalid_request("resume_token_invalid", message, "resume")
    return errors.invalid_request(
        "invalid_call_id", f"There is no call {request.call_id!r}, or not any more.", "call_id"
    )


def token_digest(token: str) -> str:
    """What stands for a resume token wherever it is kept or compared."""
    return hashlib.sha256(token.encode()).hexdigest()
