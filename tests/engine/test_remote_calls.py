"""Whole sessions with tool servers: a real MCP server on loopback, and servers that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from antiphon.outbound.http import OutboundHttp
from antiphon.outbound.policy import OutboundPolicy
from antiphon.protocol.items import RemoteTool
from antiphon.providers.base.llm import LlmRequest, ToolCall
from antiphon.providers.base.tools import ToolServer, ToolServers
from antiphon.providers.mcp.servers import McpServers
from antiphon.providers.scripted.llm import ScriptedLlm, Step, call_tools, say
from tests.engine.session_harness import Client, Stage
from tests.mcp_server import RunningServer, mcp_server


@pytest.fixture(scope="module")
def oracle() -> Iterator[RunningServer]:
    with mcp_server() as server:
        yield server


@pytest.fixture
async def reachable() -> AsyncIterator[ToolServers]:
    """The servers on loopback, as an operator may allow."""
    http = OutboundHttp(OutboundPolicy.allowing(["127.0.0.1"]))
    servers = McpServers(http)
    yield servers.of_tenant("alice")
    await servers.aclose()
    await http.aclose()


def use(client: Client, url: str, **given: object) -> None:
    tool = {"type": "mcp", "server_label": "sums", "server_url": url, "require_approval": "never", **given}
    client.send("session.update", session={"type": "realtime", "tools": [tool]})


def why_not_listed(client: Client) -> str:
    message: str = client.of("conversation.item.done")[0]["item"]["error"]["message"]
    return message


def reads_the_result(request: LlmRequest) -> Sequence[Step]:
    return say(f"It is {request.messages[-1].text}.")


async def test_it_works_with_a_real_server(oracle: RunningServer, reachable: ToolServers) -> None:
    llm = ScriptedLlm(call_tools(ToolCall("call_1", "add", '{"a": 2, "b": 3}')), reads_the_result)
    async with Stage(llm=llm, tool_servers=reachable).session() as client:
        use(client, oracle.url, authorization="very-secret-token", allowed_tools=["add"])
        await client.wait_for("mcp_list_tools.completed")
        listed = client.of("conversation.item.done")[0]["item"]["tools"]
        assert [tool["name"] for tool in listed] == ["add"]
        assert oracle.seen[-1]["authorization"] == "Bearer very-secret-token"
        client.say("What is two and three?")
        call = (await client.wait_for("response.done"))["response"]["output"][0]
        assert (call["name"], call["output"], call["error"]) == ("add", "5", None)
        client.send("response.create")
        done = await client.wait_for("response.done", 2)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is 5."
        assert client.of("error") == []


async def test_a_tool_that_fails_is_told_of_and_the_session_goes_on(
    oracle: RunningServer, reachable: ToolServers
) -> None:
    llm = ScriptedLlm(call_tools(ToolCall("call_1", "fail", "{}")), say("It did not work."))
    async with Stage(llm=llm, tool_servers=reachable).session() as client:
        use(client, oracle.url)
        await client.wait_for("mcp_list_tools.completed")
        client.say("Try it.")
        call = (await client.wait_for("response.done"))["response"]["output"][0]
        assert call["error"]["type"] == "tool_execution_error"
        client.send("response.create")
        done = await client.wait_for("response.done", 2)
        assert done["response"]["status"] == "completed"


async def test_an_address_within_our_network_is_not_reached(reachable: ToolServers) -> None:
    async with Stage(tool_servers=reachable).session() as client:
        use(client, "https://169.254.169.254/mcp")
        await client.wait_for("mcp_list_tools.failed")
        assert "169.254.169.254 is not on the public internet" in why_not_listed(client)


async def test_cancelling_the_response_stops_the_tool_on_its_server(
    oracle: RunningServer, reachable: ToolServers
) -> None:
    llm = ScriptedLlm(call_tools(ToolCall("call_1", "wait", "{}")), say("Never mind."))
    async with Stage(llm=llm, tool_servers=reachable).session() as client:
        use(client, oracle.url)
        await client.wait_for("mcp_list_tools.completed")
        client.say("Do it.")
        await client.wait_for("response.mcp_call.in_progress")
        assert await asyncio.to_thread(oracle.started.wait, 5)
        client.send("response.cancel")
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "cancelled"
        assert await asyncio.to_thread(oracle.stopped.wait, 5)


class Stuck:
    """Never answers, and counts who waits."""

    def __init__(self) -> None:
        self.waiting = 0

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        if server.label == "sums":
            return [RemoteTool(name="wait", input_schema={})]
        return await self._wait()

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        return await self._wait()

    async def _wait(self) -> None:  # type: ignore[misc]
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


class Broken:
    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        raise RuntimeError("a fault of ours")

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        raise RuntimeError("a fault of ours")


async def test_a_session_that_ends_leaves_no_request_behind() -> None:
    stuck = Stuck()
    llm = ScriptedLlm(call_tools(ToolCall("call_1", "wait", "{}")))
    async with Stage(llm=llm, tool_servers=stuck).session() as client:
        use(client, "https://tools.example.com")
        await client.wait_for("mcp_list_tools.completed")
        client.say("Do it.")
        await client.wait_for("response.mcp_call.in_progress")
        use(client, "https://tools.example.com", server_label="other")
        await client.wait_for("mcp_list_tools.in_progress", 2)
        await asyncio.sleep(0)
        assert stuck.waiting == 2
    assert stuck.waiting == 0


async def test_a_fault_of_ours_is_told_of_and_ends_nothing() -> None:
    async with Stage(tool_servers=Broken()).session() as client:
        use(client, "https://tools.example.com")
        await client.wait_for("mcp_list_tools.failed")
        assert "the operator's log says why" in why_not_listed(client)
        client.say("Hello")
        assert (await client.wait_for("response.done"))["response"]["status"] == "completed"


async def test_a_host_without_tool_servers_says_so() -> None:
    async with Stage().session() as client:
        use(client, "https://tools.example.com")
        await client.wait_for("mcp_list_tools.failed")
        assert why_not_listed(client) == "No tool servers can be reached from here."
