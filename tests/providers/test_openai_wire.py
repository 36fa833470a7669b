import asyncio
import traceback
from contextlib import aclosing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Timeouts, Wire
from antiphon.providers.scripted.server import Canned

KEY = "sk-very-secret"


@pytest.fixture
def endpoint(server):
    return Endpoint(server.base_url, KEY)


async def post(wire, endpoint, path="/chat/completions"):
    async with aclosing(wire.post(endpoint, path, b"{}", "application/json")) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def refusal(wire, endpoint):
    with pytest.raises(ProviderError) as failure:
        await post(wire, endpoint)
    return failure.value


async def test_it_works(wire, server, endpoint):
    server.next_answer(Canned([b"one ", b"two"]))
    assert await post(wire, endpoint) == b"one two"
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_without_a_key_none_is_sent(wire, server):
    server.next_answer(Canned([b"one"]))
    await post(wire, Endpoint(server.base_url))
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":{"message":"No such field.","code":null}}', "invalid"),
        (400, b'{"error":{"message":"Too long","code":"context_length_exceeded"}}', "context_length"),
        (
            400,
            b'{"object":"error","message":"This model\'s maximum context length is 4096","code":400}',
            "context_length",
        ),
        (401, b'{"error":{"message":"Wrong key sk-very-secret","code":"invalid_api_key"}}', "auth"),
        (402, b"", "quota"),
        (403, b"<html>", "auth"),
        (404, b'{"error":"model \'x\' not found"}', "not_found"),
        (422, b'{"detail":[{"loc":["body"],"msg":"wrong"}]}', "invalid"),
        (429, b'{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}', "rate_limit"),
        (
            429,
            b'{"error":{"message":"Pay","type":"insufficient_quota","code":"insufficient_quota"}}',
            "quota",
        ),
        (500, b"oops", "upstream"),
        (503, b"[]", "overloaded"),
        (504, b"\xff\xfe", "timeout"),
        (529, b"", "overloaded"),
        (302, b"", "upstream"),
    ],
)
async def test_a_status_has_a_kind(wire, server, endpoint, status, body, kind):
    server.next_answer(Canned([body], status=status))
    error = await refusal(wire, endpoint)
    assert error.kind == kind
    assert not error.started
    assert error.message.startswith("127.0.0.1 ")


async def test_the_servers_own_words_are_passed_on(wire, server, endpoint):
    server.next_answer(Canned([b'{"error":{"message":"The field foo is unknown."}}'], status=400))
    assert "The field foo is unknown." in (await refusal(wire, endpoint)).message


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_key_never_shows(wire, server, endpoint, status):
    server.next_answer(Canned([b'{"error":{"message":"Bad key sk-very-secret"}}'], status=status))
    error = await refusal(wire, endpoint)
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in repr(endpoint)


async def test_a_masked_key_does_not_show_either(wire, server, endpoint):
    server.next_answer(Canned([b'{"error":{"message":"Incorrect API key: sk-very****ret"}}'], status=401))
    assert "sk-very" not in (await refusal(wire, endpoint)).message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)],
)
async def test_retry_after_is_read(wire, server, endpoint, value, seconds):
    server.next_answer(Canned(status=429, headers={"Retry-After": value}))
    assert (await refusal(wire, endpoint)).retry_after == seconds


async def test_a_server_that_is_not_there(wire):
    error = await refusal(wire, Endpoint("http://127.0.0.1:1/v1", KEY))
    assert error.kind == "network"
    assert "can't be reached" in error.message


@pytest.mark.parametrize("base_url", ["", "nonsense", "ftp://host/v1", "http://", "http://host:port/v1"])
def test_a_base_url_that_is_none_is_refused(base_url):
    with pytest.raises(ValueError, match="is no base URL: give one such as https://host/v1"):
        Endpoint(base_url, KEY)


async def test_a_reset_before_the_answer(wire, server, endpoint):
    server.next_answer(Canned(then="reset"))
    error = await refusal(wire, endpoint)
    assert (error.kind, error.started) == ("network", False)


async def test_a_reset_within_the_answer(wire, server, endpoint):
    server.next_answer(Canned([b"one"], then="reset"))
    error = await refusal(wire, endpoint)
    assert (error.kind, error.started) == ("network", True)


@pytest.mark.parametrize(("chunks", "started"), [([], False), ([b"one"], True)])
async def test_a_stall_is_a_timeout_and_lets_the_server_go(server, endpoint, chunks, started):
    wire = Wire(Timeouts(first_byte=0.05, idle=0.05))
    server.next_answer(Canned(chunks, then="stall"))
    error = await refusal(wire, endpoint)
    assert (error.kind, error.started) == ("timeout", started)
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"
    await wire.aclose()


async def test_closing_the_iterator_lets_the_server_go(wire, server, endpoint):
    server.next_answer(Canned([b"one"], then="stall"))
    async with aclosing(wire.post(endpoint, "/chat/completions", b"{}", "application/json")) as chunks:
        assert await anext(chunks) == b"one"
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"


async def test_cancelling_before_the_answer_lets_the_server_go(wire, server, endpoint):
    server.next_answer(Canned(then="stall"))
    task = asyncio.create_task(post(wire, endpoint))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"


async def test_requests_share_a_connection(wire, server, endpoint):
    for _ in range(3):
        server.next_answer(Canned([b"one"]))
        await post(wire, endpoint)
    assert len({request.peer for request in server.requests}) == 1


async def test_a_refusal_keeps_the_connection(wire, server, endpoint):
    server.next_answer(Canned([b"{}"], status=429))
    await refusal(wire, endpoint)
    server.next_answer(Canned([b"one"]))
    await post(wire, endpoint)
    assert len({request.peer for request in server.requests}) == 1


async def test_the_first_request_after_warming_up_needs_no_new_connection(wire, server, endpoint):
    await wire.warm_up(endpoint)
    await wire.warm_up(endpoint)
    server.next_answer(Canned([b"one"]))
    await post(wire, endpoint)
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
    assert len({request.peer for request in server.requests}) == 1


async def test_the_first_socket_after_warming_up_needs_no_new_connection_and_the_next_is_warmed_again(wire):
    peers = []

    async def answer(request):
        peers.append(request.transport.get_extra_info("peername"))
        if request.method == "HEAD":
            return web.Response(status=404, text="There is nothing here.")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        endpoint = Endpoint(str(server.make_url("/v1")), "a-key")
        for _ in range(2):
            await wire.warm_up(endpoint)
            socket = await wire.connect(endpoint, "/speak")
            await socket.aclose()
    assert len(peers) == 4
    assert (peers[0], peers[2]) == (peers[1], peers[3])
    assert len(set(peers)) == 2


async def test_warming_up_a_server_that_is_not_there_is_no_error(wire):
    await wire.warm_up(Endpoint("http://127.0.0.1:1/v1"))


async def test_cookies_are_not_kept(wire, server, endpoint):
    server.next_answer(Canned([b"one"], headers={"Set-Cookie": "tenant=alice"}))
    await post(wire, endpoint)
    server.next_answer(Canned([b"one"]))
    await post(wire, endpoint)
    assert "Cookie" not in server.requests[1].headers


async def test_redirects_are_not_followed(wire, server, endpoint):
    server.next_answer(Canned(status=307, headers={"Location": server.base_url + "/audio/speech"}))
    await refusal(wire, endpoint)
    assert len(server.requests) == 1


async def test_after_closing_it_can_be_used_again(wire, server, endpoint):
    await wire.warm_up(endpoint)
    await wire.aclose()
    server.next_answer(Canned([b"one"]))
    assert await post(wire, endpoint) == b"one"
