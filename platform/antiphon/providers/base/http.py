"""The way to every provider: HTTP requests and WebSockets, over connections that are kept."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver

from antiphon.outbound.http import FilteringResolver
from antiphon.outbound.policy import OutboundPolicy, OutboundRefused
from antiphon.providers.base.endpoint import Endpoint, Parameters
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_response
from antiphon.providers.base.socket import VendorSocket

KEEP_ALIVE = 75.0  # seconds that an idle connection is kept; servers that close earlier are noticed at once
WARM_FOR = 30.0  # seconds after use during which a connection needs no warming
MAX_ERROR_BODY = 1 << 16
MAX_MESSAGE = 16 << 20  # bytes of one WebSocket message
HEARTBEAT = 10.0  # seconds between pings: without them a connection that broke half is never noticed
KEPT_UNUSED = 7_200.0  # seconds for which the connections of a key are kept; no session lasts so long


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the answer begins, and without a byte, before it begins or within it."""

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 30.0


class Closable(Protocol):
    async def aclose(self) -> None: ...


Shared = TypeVar("Shared", bound=Closable)


@dataclass(slots=True)
class _Pool:
    """Connections of one set of credentials."""

    session: aiohttp.ClientSession
    shared: dict[Any, Any] = field(default_factory=dict)
    used_at: float = 0.0
    last_used: dict[str, float] = field(default_factory=dict)  # by base URL, on the loop's clock


class Reply:
    """The body of an answer: its `first` piece, and `more`. An empty piece is the end.

    A server that sends nothing for `idle` seconds, while somebody waits, has `stalled`. To set a timer for each
    piece would cost a twentieth of what a token costs; this one is set again when it goes off.
    """

    def __init__(self, response: aiohttp.ClientResponse, idle: float, first: bytes) -> None:
        self.first = first
        self.stalled = False
        self._response = response
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._waits_since: float | None = None
        self._timer = self._loop.call_later(idle, self._look)

    async def more(self) -> bytes:
        self._waits_since = self._loop.time()
        piece = await self._response.content.readany()
        self._waits_since = None
        return piece

    def close(self) -> None:
        self._timer.cancel()
        self._response.close()

    def _look(self) -> None:
        now = self._loop.time()
        ends = (now if self._waits_since is None else self._waits_since) + self._idle
        if now < ends:
            self._timer = self._loop.call_at(ends, self._look)
        else:
            self.stalled = True
            self._response.close()


_Credentials = tuple[str | None, bool]


class Wire:
    """Posts requests, streams answers, opens sockets. Safe to use from several event loops: each has its own pools.

    No connection is ever used with two keys, so that nothing a vendor ties to a connection crosses from one tenant
    to another. Connections carry no cookies, and requests follow no redirects and are never repeated: who wants to
    try again knows better what was already heard.
    """

    def __init__(self, timeouts: Timeouts = Timeouts(), policy: OutboundPolicy | None = None) -> None:
        """`policy` says where endpoints may lead that tenants chose; by default, to the public internet."""
        self.timeouts = timeouts
        self._policy = policy or OutboundPolicy()
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Credentials, _Pool]] = (
            WeakKeyDictionary()
        )

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        pools = self._pools.pop(asyncio.get_running_loop(), {})
        for pool in pools.values():
            for shared in pool.shared.values():
                await shared.aclose()
            await pool.session.close()

    def shared(self, endpoint: Endpoint, make: "Callable[[Wire], Shared]") -> Shared:
        """What all users of these credentials share, such as sockets: made when first asked for, closed with us."""
        pool = self._pool(endpoint)
        if make not in pool.shared:
            pool.shared[make] = make(self)
        shared: Shared = pool.shared[make]
        return shared

    async def warm_up(self, endpoint: Endpoint) -> None:
        """Opens a connection, so that the next request or socket pays for no handshake. Leaves errors to it."""
        with suppress(aiohttp.ClientError, TimeoutError, OSError, OutboundRefused, ProviderError):
            self._check(endpoint)
            pool = self._pool(endpoint)
            used = pool.last_used.get(endpoint.base_url)
            if used is not None and asyncio.get_running_loop().time() - used < WARM_FOR:
                return
            async with (
                asyncio.timeout(self.timeouts.connect),
                pool.session.head(endpoint.url("/models"), headers=endpoint.headers, allow_redirects=False),
            ):
                self._mark_used(pool, endpoint)

    async def post(
        self,
        endpoint: Endpoint,
        path: str,
        body: bytes | aiohttp.FormData,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Streams the body of the answer as it arrives. Closing the iterator closes the connection at once.

        `headers` come on top of the endpoint's. Raises ProviderError, with `started` once a piece was given out.
        """
        async with self.posting(endpoint, path, body, content_type, headers) as reply:
            chunk = reply.first
            while chunk:
                yield chunk
                chunk = await reply.more()

    @asynccontextmanager
    async def posting(
        self,
        endpoint: Endpoint,
        path: str,
        body: bytes | aiohttp.FormData,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Reply, None]:
        """As `post`, for those who read often: a generator less between them and the socket. Failures to read leave
        the context as ProviderErrors."""
        self._check(endpoint)
        pool = self._pool(endpoint)
        sent = {**endpoint.headers, **(headers or {})}
        if content_type:
            sent["Content-Type"] = content_type
        response: aiohttp.ClientResponse | None = None
        reply: Reply | None = None
        try:
            async with asyncio.timeout(self.timeouts.first_byte):
                response = await pool.session.post(
                    endpoint.url(path),
                    data=body,
                    headers=sent,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=self.timeouts.connect),
                )
                if response.status != 200:
                    raise await _refusal(endpoint, response)
                first = await response.content.readany()
            reply = Reply(response, self.timeouts.idle, first)
            yield reply
            if response.content.at_eof():
                self._mark_used(pool, endpoint)
        except (aiohttp.ClientError, OSError, OutboundRefused) as error:
            started = reply is not None and bool(reply.first)
            cause = TimeoutError() if reply is not None and reply.stalled else error
            # Chained, it would carry the request's headers, and with them the key, into logs.
            raise _failure(endpoint, cause, started) from None
        finally:
            if reply is not None:
                reply.close()
            elif response is not None:
                response.close()

    async def get(self, endpoint: Endpoint, path: str, max_bytes: int = 1 << 22) -> bytes:
        """The body of an answer; its connection is used again. Raises ProviderError."""
        self._check(endpoint)
        pool = self._pool(endpoint)
        try:
            async with (
                asyncio.timeout(self.timeouts.first_byte),
                pool.session.get(
                    endpoint.url(path), headers=endpoint.headers, allow_redirects=False
                ) as response,
            ):
                if response.status != 200:
                    raise await _refusal(endpoint, response)
                body = b""
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > max_bytes:
                        raise ProviderError("upstream", f"{endpoint.host} answered with too much.")
                return body
        except (aiohttp.ClientError, OSError, OutboundRefused) as error:
            raise _failure(endpoint, error, started=False) from None

    async def connect(
        self,
        endpoint: Endpoint,
        path: str,
        parameters: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> VendorSocket:
        """A WebSocket, which the caller closes. Raises ProviderError."""
        self._check(endpoint)
        pool = self._pool(endpoint)
        try:
            async with asyncio.timeout(self.timeouts.connect):
                socket = await pool.session.ws_connect(
                    endpoint.socket_url(path, parameters),
                    headers={**endpoint.headers, **(headers or {})},
                    heartbeat=HEARTBEAT,
                    max_msg_size=MAX_MESSAGE,
                    compress=0,
                )
        except aiohttp.WSServerHandshakeError as refused:
            body = refused.message.encode()  # all that is told of it: the body is not read
            raise error_from_response(endpoint, refused.status, refused.headers or {}, body) from None
        except (aiohttp.ClientError, OSError, OutboundRefused) as error:
            raise _failure(endpoint, error, started=False) from None
        pool.last_used.pop(endpoint.base_url, None)  # a warm connection is the socket's own now
        return VendorSocket(endpoint, socket)

    def _check(self, endpoint: Endpoint) -> None:
        """An address in numbers is never resolved, so it is checked here. Raises ProviderError."""
        if endpoint.filtered:
            try:
                self._policy.check_url(endpoint.base_url)
            except OutboundRefused as refused:
                raise ProviderError("invalid", str(refused)) from None

    def _pool(self, endpoint: Endpoint) -> _Pool:
        loop = asyncio.get_running_loop()
        pools = self._pools.setdefault(loop, {})
        credentials = (endpoint.api_key, endpoint.filtered)
        pool = pools.pop(credentials, None) or self._new_pool(endpoint.filtered)
        pool.used_at = loop.time()
        pools[credentials] = pool  # used last
        self._forget_unused(pools, loop.time() - KEPT_UNUSED)
        return pool

    @staticmethod
    def _forget_unused(pools: dict[_Credentials, _Pool], before: float) -> None:
        for credentials, pool in list(pools.items()):
            if pool.used_at >= before:
                return
            del pools[credentials]
            if connector := pool.session.connector:
                connector.close()  # at once, though it may be awaited

    def _new_pool(self, filtered: bool) -> _Pool:
        resolver: AbstractResolver = aiohttp.ThreadedResolver()
        if filtered:
            resolver = FilteringResolver(self._policy, resolver)
        return _Pool(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE, resolver=resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=self.timeouts.connect, sock_read=self.timeouts.idle
                ),
                trace_configs=[_staying()],
            )
        )

    @staticmethod
    def _mark_used(pool: _Pool, endpoint: Endpoint) -> None:
        pool.last_used[endpoint.base_url] = asyncio.get_running_loop().time()


def _staying() -> aiohttp.TraceConfig:
    """Refuses redirects of WebSockets' handshakes, which aiohttp follows with the key, and has no way to be asked
    not to."""

    async def refuse(
        _session: object, _context: object, redirect: aiohttp.TraceRequestRedirectParams
    ) -> None:
        response = redirect.response
        response.close()
        raise aiohttp.WSServerHandshakeError(
            response.request_info, (), status=response.status, headers=response.headers
        )

    staying = aiohttp.TraceConfig()
    staying.on_request_redirect.append(refuse)
    return staying


async def _refusal(endpoint: Endpoint, response: aiohttp.ClientResponse) -> ProviderError:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ERROR_BODY:
            break
    return error_from_response(endpoint, response.status, response.headers, body)


def _failure(
    endpoint: Endpoint, error: aiohttp.ClientError | OSError | OutboundRefused, started: bool
) -> ProviderError:
    host = endpoint.host
    match error:
        case OutboundRefused():
            return ProviderError("invalid", str(error))
        case TimeoutError():
            return ProviderError("timeout", f"{host} did not answer in time.", started=started)
        case aiohttp.ClientConnectorCertificateError():
            return ProviderError("network", f"The certificate of {host} is not trusted.")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or "no connection"
            return ProviderError("network", f"{host} can't be reached: {reason}.")
    return ProviderError("network", f"{host} broke the connection.", started=started)
