"""Our MCP client against the server of the `mcp` package, and against servers that misbehave."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.outbound.http import OutboundHttp
from antiphon.outbound.policy import OutboundPolicy
from antiphon.providers.base.tools import ToolFailure, ToolServer, ToolServers
from antiphon.providers.mcp.servers import McpServers
from tests.mcp_server import RunningServer, mcp_server

TOKEN = "very-secret-token"
LOOPBACK = OutboundPolicy.allowing(["127.0.0.1"])


@pytest.fixture(scope="module", params=["event stream", "json"])
def oracle(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with mcp_server(json=request.param == "json") as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[OutboundHttp]:
    http = OutboundHttp(LOOPBACK)
    yield http
    await http.aclose()


@pytest.fixture
async def pool(http: OutboundHttp) -> AsyncIterator[McpServers]:
    pool = McpServers(http, deadline=5)
    yield pool
    await pool.aclose()


@pytest.fixture
def tools(pool: McpServers) -> ToolServers:
    return pool.of_tenant("alice")


def at(url: str) -> ToolServer:
    return ToolServer("files", url, (("Authorization", f"Bearer {TOKEN}"),))


async def failure(work: object) -> ToolFailure:
    with pytest.raises(ToolFailure) as failed:
        await work  # type: ignore[misc]
    shown = "".join(traceback.format_exception(failed.value))
    assert TOKEN not in shown
    return failed.value


async def test_it_works(tools: ToolServers, oracle: RunningServer) -> None:
    listed = {tool.name: tool for tool in await tools.list_tools(at(oracle.url))}
    assert listed["add"].description == "Adds two numbers."
    assert listed["add"].input_schema["required"] == ["a", "b"]
    assert listed["add"].annotations == {"readOnlyHint": True}
    assert await tools.call(at(oracle.url), "add", '{"a": 2, "b": 3}') == "5"
    assert await tools.call(at(oracle.url), "greet", '{"name": "Bob"}') == "Hello, Bob! Grüße."
    assert oracle.seen[-1]["authorization"] == f"Bearer {TOKEN}"
    assert oracle.seen[-1]["mcp-protocol-version"] == "2025-11-25"


async def test_tools_are_asked_for_once_in_five_minutes(tools: ToolServers, oracle: RunningServer) -> None:
    await tools.list_tools(at(oracle.url))
    before = len(oracle.seen)
    await asyncio.gather(*(tools.list_tools(at(oracle.url)) for _ in range(5)))
    assert len(oracle.seen) == before


async def test_tenants_and_tokens_share_no_session(pool: McpServers, oracle: RunningServer) -> None:
    sessions = set()
    other_token = ToolServer("files", oracle.url, (("Authorization", "Bearer other"),))
    for tenant, server in [("alice", at(oracle.url)), ("mallory", at(oracle.url)), ("alice", other_token)]:
        await pool.of_tenant(tenant).call(server, "add", '{"a": 1, "b": 1}')
        sessions.add(oracle.seen[-1]["mcp-session-id"])
    assert len(sessions) == 3


async def test_a_failing_tool_says_why(tools: ToolServers, oracle: RunningServer) -> None:
    failed = await failure(tools.call(at(oracle.url), "fail", "{}"))
    assert failed.error.type == "tool_execution_error"
    assert "fail" in failed.error.message
    assert failed.error.code is None


async def test_an_unknown_tool_is_named(tools: ToolServers, oracle: RunningServer) -> None:
    assert "nope" in (await failure(tools.call(at(oracle.url), "nope", "{}"))).error.message


@pytest.mark.parametrize("arguments", ["[1]", "{", "null", '"text"'])
async def test_arguments_that_are_no_object_are_not_sent(
    tools: ToolServers, oracle: RunningServer, arguments: str
) -> None:
    before = len(oracle.seen)
    failed = await failure(tools.call(at(oracle.url), "add", arguments))
    assert (failed.error.type, failed.error.code) == ("protocol_error", -32602)
    assert len(oracle.seen) == before


async def test_a_result_that_nobody_could_say_is_refused(tools: ToolServers, oracle: RunningServer) -> None:
    failed = await failure(tools.call(at(oracle.url), "flood", "{}"))
    assert failed.error.type == "tool_execution_error"
    assert "100000 characters" in failed.error.message


async def test_an_answer_of_any_size_is_cut_off(tools: ToolServers, oracle: RunningServer) -> None:
    failed = await failure(tools.call(at(oracle.url), "drown", "{}"))
    assert (failed.error.type, failed.error.code) == ("http_error", 502)
    assert await tools.call(at(oracle.url), "add", '{"a": 2, "b": 3}') == "5"


async def test_a_slow_tool_is_stopped_at_the_deadline(http: OutboundHttp, oracle: RunningServer) -> None:
    pool = McpServers(http, deadline=0.5)
    tools = pool.of_tenant("alice")
    await tools.list_tools(at(oracle.url))
    started = time.monotonic()
    failed = await failure(tools.call(at(oracle.url), "wait", "{}"))
    assert (failed.error.type, failed.error.code) == ("http_error", 504)
    assert "within 0.5 s" in failed.error.message
    assert time.monotonic() - started < 3
    assert await asyncio.to_thread(oracle.stopped.wait, 5), "the server was told to stop"
    oracle.stopped.clear()
    assert await tools.call(at(oracle.url), "add", '{"a": 2, "b": 3}') == "5"
    await pool.aclose()


async def test_a_cancelled_call_stops_the_tool(tools: ToolServers, oracle: RunningServer) -> None:
    await tools.list_tools(at(oracle.url))
    oracle.started.clear()
    call = asyncio.create_task(tools.call(at(oracle.url), "wait", "{}"))
    assert await asyncio.to_thread(oracle.started.wait, 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(oracle.stopped.wait, 5)
    oracle.stopped.clear()


async def test_a_session_that_the_server_has_forgotten_is_opened_again(
    tools: ToolServers, http: OutboundHttp
) -> None:
    with mcp_server() as first:
        await tools.call(at(first.url), "add", '{"a": 1, "b": 1}')
        port = int(first.url.split(":")[2].split("/")[0])
    await http.aclose()
    with mcp_server(port=port) as second:
        assert await tools.call(at(second.url), "add", '{"a": 2, "b": 3}') == "5"


async def test_a_server_that_is_down_is_an_http_error(tools: ToolServers, unused_tcp_port: int) -> None:
    failed = await failure(tools.list_tools(at(f"http://127.0.0.1:{unused_tcp_port}/mcp")))
    assert (failed.error.type, failed.error.code) == ("http_error", 502)
    assert "127.0.0.1 can't be reached" in failed.error.message


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/mcp", "http://127.0.0.2/mcp", "file:///etc/passwd", "nonsense", ""]
)
async def test_an_address_that_may_not_be_reached_is_forbidden(tools: ToolServers, url: str) -> None:
    failed = await failure(tools.list_tools(at(url)))
    assert (failed.error.type, failed.error.code) == ("http_error", 403)


class Misbehaving:
    """Answers the handshake properly, and everything else as it is told."""

    def __init__(self) -> None:
        self.answer: web.StreamResponse | None = None
        self.handshake: dict[str, object] = {"protocolVersion": "2025-06-18"}
        app = web.Application()
        app.router.add_route("*", "/mcp", self._handle)
        self.server = TestServer(app)
        self.bodies: list[dict[str, object]] = []

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if body.get("method") == "initialize":
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": self.handshake})
        if "id" not in body or "method" not in body:
            return web.Response(status=202)
        assert self.answer is not None
        return self.answer

    @property
    def url(self) -> str:
        return str(self.server.make_url("/mcp"))

    def say(self, data: str, **given: object) -> None:
        self.answer = web.Response(text=data, content_type="application/json", **given)  # type: ignore[arg-type]


@pytest.fixture
async def site() -> AsyncIterator[Misbehaving]:
    site = Misbehaving()
    async with site.server:
        yield site


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", -32700),
        ("", -32700),
        ("[1, 2]", -32700),
        ('{"jsonrpc": "2.0", "id": 2}', -32600),
        ('{"jsonrpc": "2.0", "id": 99, "result": {}}', -32600),
        ('{"jsonrpc": "2.0", "id": 2, "result": {"tools": "many"}}', -32600),
        ('{"jsonrpc": "2.0", "id": 2, "result": {"tools": [], "nextCursor": "again"}}', -32600),
        (
            '{"jsonrpc": "2.0", "id": 2, "error": {"code": -32000, "message": "Token very-secret-token?"}}',
            -32000,
        ),
        ('{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "No"}}', -32000),
    ],
)
async def test_nonsense_is_a_protocol_error(
    tools: ToolServers, site: Misbehaving, said: str, code: int
) -> None:
    site.say(said)
    failed = await failure(tools.list_tools(at(site.url)))
    assert (failed.error.type, failed.error.code) == ("protocol_error", code)
    assert "'files'" in failed.error.message


async def test_an_endless_list_of_tools_ends(tools: ToolServers, site: Misbehaving) -> None:
    tool = '{"name": "x", "inputSchema": {}}'
    many = ",".join([tool] * 600)
    site.say('{"jsonrpc": "2.0", "id": 2, "result": {"tools": [' + many + '], "nextCursor": "more"}}')
    assert "more than 512 tools" in (await failure(tools.list_tools(at(site.url)))).error.message


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the token"),
        (403, "check what the token"),
        (404, "check the server_url"),
        (418, "refused the request"),
        (429, "try again later"),
        (500, "failed"),
    ],
)
async def test_a_status_is_an_http_error(
    tools: ToolServers, site: Misbehaving, status: int, advice: str
) -> None:
    site.say('{"jsonrpc": "2.0", "error": {"code": 1, "message": "Not very-secret-token!"}}', status=status)
    failed = await failure(tools.list_tools(at(site.url)))
    assert (failed.error.type, failed.error.code) == ("http_error", status)
    assert advice in failed.error.message
    assert "It said: Not ***!" in failed.error.message


async def test_a_redirect_to_a_private_address_is_refused(tools: ToolServers, site: Misbehaving) -> None:
    site.answer = web.Response(status=307, headers={"Location": "http://169.254.169.254/mcp"})
    failed = await failure(tools.list_tools(at(site.url)))
    assert (failed.error.type, failed.error.code) == ("http_error", 403)
    assert "redirects" in failed.error.message


async def test_a_version_that_we_do_not_speak_is_refused(tools: ToolServers, site: Misbehaving) -> None:
    site.handshake = {"protocolVersion": "2031-01-01"}
    assert "none of the protocol's versions" in (await failure(tools.list_tools(at(site.url)))).error.message


async def test_what_a_server_asks_in_between_is_answered(tools: ToolServers, site: Misbehaving) -> None:
    events = [
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {}},
        {"jsonrpc": "2.0", "id": "p", "method": "ping"},
        {"jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": {}},
        {"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": "done"}]}},
    ]
    text = "id: 1\ndata:\n\n" + "".join(f"data: {msgspec.json.encode(e).decode()}\n\n" for e in events)
    site.answer = web.Response(text=text, content_type="text/event-stream")
    assert await tools.call(at(site.url), "x", "{}") == "done"
    assert {"jsonrpc": "2.0", "id": "p", "result": {}} in site.bodies
    assert [body["error"]["code"] for body in site.bodies if "error" in body] == [-32601]  # type: ignore[index]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ('{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}', "a\nb"),
        ('{"content": [], "structuredContent": {"sum": 5}}', '{"sum":5}'),
        ('{"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}]}', "[image/png]"),
        ('{"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "words"}}]}', "words"),
        ('{"content": [{"type": "resource_link", "uri": "file:///a"}]}', "[file:///a]"),
        ('{"content": [{"type": "riddle"}]}', "[riddle]"),
        ('{"content": []}', ""),
    ],
)
async def test_results_become_text(tools: ToolServers, site: Misbehaving, result: str, text: str) -> None:
    site.say('{"jsonrpc": "2.0", "id": 2, "result": ' + result + "}")
    assert await tools.call(at(site.url), "x", "{}") == text
