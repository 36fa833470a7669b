"""HTTP to addresses that tenants chose: one filtered pool of connections for the process.

A name is resolved once, and the connection goes to an address that was checked, never to the answer of a second
look-up. Redirects are not followed, since each would be another address; no proxy and no cookie is used.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from antiphon.outbound.policy import OutboundError, OutboundPolicy, OutboundRefused, check_headers

KEEP_ALIVE = 75.0  # seconds that an idle connection is kept
PER_HOST = 64  # connections to one host at a time, so that a slow one can't take all our sockets


class OutboundTimeout(OutboundError):
    """No whole answer in the time given."""


class Redirected(OutboundRefused):
    """The answer names another address, which was not followed."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AnswerTooLarge(OutboundError):
    """The answer was cut off at the size given."""


class Answer:
    """The answer to a request, whose body arrives while it is read."""

    def __init__(self, host: str, response: aiohttp.ClientResponse, max_body: int) -> None:
        self.host = host
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.content_type = response.content_type
        self._response = response
        self._max_body = max_body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises AnswerTooLarge."""
        size = 0
        async for chunk in self._response.content.iter_any():
            size += len(chunk)
            if size > self._max_body:
                raise AnswerTooLarge(f"{self.host} answered with more than {self._max_body} bytes.")
            yield chunk

    async def body(self) -> bytes:
        """The whole body. Raises AnswerTooLarge."""
        return b"".join([chunk async for chunk in self.chunks()])


class OutboundHttp:
    """Sends requests that the policy allows. Safe to use from several event loops: each has its own pool."""

    def __init__(self, policy: OutboundPolicy, resolver: AbstractResolver | None = None) -> None:
        """`resolver` looks names up in place of the system's; what it answers is checked all the same."""
        self._policy = policy
        self._resolver = resolver
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        if session := self._sessions.pop(asyncio.get_running_loop(), None):
            await session.close()

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float,
        max_body: int,
    ) -> AsyncIterator[Answer]:
        """Sends a request and gives its answer, whatever its status, once the headers are there.

        `timeout` is in seconds and covers everything up to the end of the block, in which the body is read;
        `max_body` is in bytes. Leaving the block early closes the connection. Raises OutboundError.
        """
        checked = self._policy.check_url(url)
        host = checked.raw_host or ""
        limit = asyncio.timeout(timeout)
        try:
            async with (
                limit,
                self._session().request(
                    method,
                    checked,
                    data=body,
                    # An answer that unpacks to a thousand times its size would escape `max_body`.
                    headers={**check_headers(headers or {}), "Accept-Encoding": "identity"},
                    allow_redirects=False,
                ) as response,
            ):
                _check(host, response)
                yield Answer(host, response, max_body)
        except TimeoutError:
            if not limit.expired():
                raise
            raise OutboundTimeout(f"{host} did not answer within {timeout:g} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            # Chained, it would carry the request's headers, and with them credentials, into logs.
            raise OutboundError(_reason(host, error)) from None

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=FilteringResolver(self._policy, self._resolver or aiohttp.ThreadedResolver()),
                    limit=0,
                    limit_per_host=PER_HOST,
                    keepalive_timeout=KEEP_ALIVE,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return session


class FilteringResolver(AbstractResolver):
    """Resolves names, and raises OutboundRefused for those that lead where the policy allows nothing."""

    def __init__(self, policy: OutboundPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answers = await self._resolver.resolve(host, port, family)
        self._policy.check_addresses(host, [answer["host"] for answer in answers])
        return answers

    async def close(self) -> None:
        await self._resolver.close()


def _check(host: str, response: aiohttp.ClientResponse) -> None:
    if 300 <= response.status < 400 and "Location" in response.headers:
        message = f"{host} redirects to another address, which is not followed: give that one."
        raise Redirected(message, response.status)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise OutboundError(f"{host} compresses its answers though we ask it not to.")


def _reason(host: str, error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"The name {host} can't be resolved: check its spelling."
        case aiohttp.ClientConnectorCertificateError():
            return f"The certificate of {host} is not trusted."
        case aiohttp.ClientConnectorError():
            return f"{host} can't be reached: {error.os_error.strerror or 'no connection'}."
        case aiohttp.InvalidURL():
            return f"{host} is no address: write it as four numbers from 0 to 255."
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return f"{host} broke the connection."
    return f"{host} did not answer in HTTP."
