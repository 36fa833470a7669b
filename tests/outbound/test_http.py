import asyncio
import gzip
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from antiphon.outbound.http import AnswerTooLarge, OutboundHttp, OutboundTimeout
from antiphon.outbound.policy import OutboundError, OutboundPolicy, OutboundRefused

SECRET = "Bearer very-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """Answers each look-up with the next of its lists, and the last one from then on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        pass


class Site:
    """A real server on loopback, and a client that may reach exactly 127.0.0.1 and the name `site.test`."""

    def __init__(self) -> None:
        self.handler: Handler = self._greet
        self.requests: list[web.Request] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)
        self.outbound = OutboundHttp(OutboundPolicy.allowing(["127.0.0.1"]))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.handler(request)

    async def _greet(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="hello")

    @property
    def port(self) -> int:
        assert self.server.port is not None
        return self.server.port

    async def get(self, url: str | None = None, *, timeout: float = 5, max_body: int = 1000) -> bytes:
        url = url or f"http://127.0.0.1:{self.port}/"
        headers = {"Authorization": SECRET}
        async with self.outbound.request(
            "GET", url, headers=headers, timeout=timeout, max_body=max_body
        ) as answer:
            return await answer.body()

    async def failure(self, **given: Any) -> OutboundError:
        with pytest.raises(OutboundError) as failed:
            await self.get(**given)
        shown = "".join(traceback.format_exception(failed.value))
        assert "very-secret" not in shown
        assert "127.0.0.1" in str(failed.value)
        return failed.value


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with site.server:
        yield site
        await site.outbound.aclose()


async def test_it_works(site: Site) -> None:
    assert await site.get() == b"hello"
    assert site.requests[0].headers["Authorization"] == SECRET


async def test_loopback_is_refused_without_the_operators_word(site: Site) -> None:
    site.outbound = OutboundHttp(OutboundPolicy())
    with pytest.raises(OutboundRefused, match="OUTBOUND_ALLOW"):
        await site.get(f"https://127.0.0.1:{site.port}/")
    assert site.requests == []


async def test_a_name_that_resolves_into_our_network_is_refused(site: Site) -> None:
    site.outbound = OutboundHttp(OutboundPolicy())
    with pytest.raises(OutboundRefused, match="localhost is not on the public internet"):
        await site.get(f"https://localhost:{site.port}/")
    assert site.requests == []


async def test_a_resolver_that_answers_differently_the_second_time_gains_nothing() -> None:
    """DNS rebinding: what was checked is what is connected to, and every new answer is checked again."""
    connections = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("sockname")[0])
        writer.close()

    names = Names(["127.0.0.1"], ["127.0.0.2"])
    outbound = OutboundHttp(OutboundPolicy.allowing(["127.0.0.1"]), names)
    async with await asyncio.start_server(count, "0.0.0.0") as server:
        url = f"https://site.test:{server.sockets[0].getsockname()[1]}/"

        async def visit() -> None:
            async with outbound.request("GET", url, timeout=5, max_body=1000):
                pass

        with pytest.raises(OutboundError, match=r"broke the connection|can't be reached"):
            await visit()
        assert connections == ["127.0.0.1"]
        assert names.asked == 1
        await outbound.aclose()
        with pytest.raises(OutboundRefused, match=r"site\.test"):
            await visit()
        assert connections == ["127.0.0.1"]


async def test_one_private_address_among_public_ones_refuses_the_name(site: Site) -> None:
    site.outbound = OutboundHttp(OutboundPolicy(), Names(["93.184.215.14", "127.0.0.1"]))
    with pytest.raises(OutboundRefused):
        await site.get(f"https://site.test:{site.port}/")


async def test_a_redirect_is_not_followed(site: Site) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://169.254.169.254/latest/meta-data/")

    site.handler = elsewhere
    assert "redirects to another address" in str(await site.failure())
    assert len(site.requests) == 1


async def test_a_body_past_the_limit_is_cut_off(site: Site) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 500)

    site.handler = endless
    assert isinstance(await site.failure(max_body=1000), AnswerTooLarge)


async def test_an_answer_that_was_packed_against_our_wish_is_refused(site: Site) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(bytes(10_000_000))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    site.handler = packed
    assert "compresses" in str(await site.failure())


async def test_the_time_limit_covers_the_body_too(site: Site) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await asyncio.sleep(60)
        return response

    site.handler = slow
    assert isinstance(await site.failure(timeout=0.2), OutboundTimeout)


async def test_a_server_that_is_down_is_named(site: Site) -> None:
    url = f"http://127.0.0.1:{site.port}/"
    await site.server.close()
    assert "can't be reached" in str(await site.failure(url=url))


async def test_an_unknown_name_is_named(site: Site) -> None:
    class Nowhere(Names):
        async def resolve(self, *args: object, **kwargs: object) -> list[ResolveResult]:
            raise OSError("unknown")

    site.outbound = OutboundHttp(OutboundPolicy(), Nowhere())
    with pytest.raises(OutboundError, match=r"site\.test can't be resolved"):
        await site.get("https://site.test/")


async def test_a_server_that_hangs_up_is_named(site: Site) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    site.handler = hang_up
    assert "broke the connection" in str(await site.failure())


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Key": "very-secret\r\nX-Evil: b"},
        {"X-Key\r\nX-Evil": "b"},
        {"X-Key": "snow\u2603man"},
        {"Host": "internal"},
        {"transfer-encoding": "chunked"},
        {"": "b"},
    ],
)
async def test_a_header_that_would_change_the_request_is_refused(site: Site, headers: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{site.port}/"
    with pytest.raises(OutboundRefused, match="header") as refused:
        async with site.outbound.request("GET", url, headers=headers, timeout=5, max_body=1000):
            pass
    assert "very-secret" not in str(refused.value)
    assert site.requests == []


async def test_an_error_within_the_block_is_the_callers_own(site: Site) -> None:
    url = f"http://127.0.0.1:{site.port}/"
    with pytest.raises(TimeoutError, match="my own"):
        async with site.outbound.request("GET", url, timeout=5, max_body=1000):
            raise TimeoutError("my own")
