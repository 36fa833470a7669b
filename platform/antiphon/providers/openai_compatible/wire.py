"""HTTP to OpenAI-compatible servers: one pool of connections for the process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import aiohttp

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.openai_compatible.endpoint import Endpoint
from antiphon.providers.openai_compatible.errors import error_from_response

KEEP_ALIVE = 75.0  # seconds that an idle connection is kept; servers that close earlier are noticed at once
WARM_FOR = 30.0  # seconds after use during which a connection needs no warming
MAX_ERROR_BODY = 1 << 16


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the answer begins, and without a byte, before it begins or within it."""

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 30.0


@dataclass(slots=True)
class _Pool:
    session: aiohttp.ClientSession
    last_used: dict[str, float] = field(default_factory=dict)  # by base URL, on the loop's clock


class Wire:
    """Posts requests and streams answers. Safe to use from several event loops: each has its own pool.

    Connections carry no cookies, and requests follow no redirects and are never repeated: who wants to try
    again knows better what was already heard.
    """

    def __init__(self, timeouts: Timeouts = Timeouts()) -> None:
        self._timeouts = timeouts
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool:
            await pool.session.close()

    async def warm_up(self, endpoint: Endpoint) -> None:
        """Opens a connection, so that the next request pays for no handshake. Leaves errors to it."""
        pool = self._pool()
        used = pool.last_used.get(endpoint.base_url)
        if used is not None and asyncio.get_running_loop().time() - used < WARM_FOR:
            return
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                asyncio.timeout(self._timeouts.connect),
                pool.session.head(endpoint.url("/models"), headers=endpoint.headers, allow_redirects=False),
            ):
                self._mark_used(pool, endpoint)

    async def post(
        self, endpoint: Endpoint, path: str, body: bytes | aiohttp.FormData, content_type: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Streams the body of the answer as it arrives. Closing the iterator closes the connection at once.

        Raises ProviderError, with `started` once a piece was given out.
        """
        pool = self._pool()
        headers = endpoint.headers
        if content_type:
            headers["Content-Type"] = content_type
        response: aiohttp.ClientResponse | None = None
        started = False
        try:
            async with asyncio.timeout(self._timeouts.first_byte):
                response = await pool.session.post(
                    endpoint.url(path), data=body, headers=headers, allow_redirects=False
                )
                if response.status != 200:
                    raise await _refusal(endpoint, response)
                chunk = await response.content.readany()
            while chunk:
                yield chunk
                started = True
                chunk = await response.content.readany()
            self._mark_used(pool, endpoint)
        except (aiohttp.ClientError, OSError) as error:
            # Chained, it would carry the request's headers, and with them the key, into logs.
            raise _failure(endpoint, error, started) from None
        finally:
            if response is not None:
                response.close()

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = _Pool(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(
                        total=None, connect=self._timeouts.connect, sock_read=self._timeouts.idle
                    ),
                )
            )
        return pool

    @staticmethod
    def _mark_used(pool: _Pool, endpoint: Endpoint) -> None:
        pool.last_used[endpoint.base_url] = asyncio.get_running_loop().time()


async def _refusal(endpoint: Endpoint, response: aiohttp.ClientResponse) -> ProviderError:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ERROR_BODY:
            break
    return error_from_response(endpoint, response.status, response.headers, body)


def _failure(endpoint: Endpoint, error: aiohttp.ClientError | OSError, started: bool) -> ProviderError:
    host = endpoint.host
    match error:
        case TimeoutError():
            return ProviderError("timeout", f"{host} did not answer in time.", started=started)
        case aiohttp.ClientConnectorCertificateError():
            return ProviderError("network", f"The certificate of {host} is not trusted.")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or "no connection"
            return ProviderError("network", f"{host} can't be reached: {reason}.")
    return ProviderError("network", f"{host} broke the connection.", started=started)
