"""The test console: a tool called by hand, with everything that went over the wire and no secret of it."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync

from antiphon.outbound.http import OutboundHttp
from antiphon.protocol.items import FunctionCall, RemoteTool
from antiphon.providers.base.tools import ToolFailure, ToolServer
from antiphon.providers.http_tools.calls import Caller, HttpTool
from antiphon.providers.http_tools.running import Exchange, exchange
from antiphon.providers.mcp.servers import McpServers
from apps.core.outbound import outbound_policy
from apps.tools.models import Tool, ToolKind
from apps.tools.selectors import headers_of, http_tool

SESSION = "test_console"  # the session that a server is told of
_SHOWN = 4000  # characters of an answer


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a tool. `request` and `answer` are as on the wire, secrets masked; for a tool of the app
    `events` are what it gets and is to send; `tools` are those of an MCP server."""

    request: str = ""
    answer: str = ""
    seconds: float = 0.0
    tries: int = 0
    output: str = ""
    problem: str = ""
    events: Sequence[str] = ()
    tools: Sequence[RemoteTool] = ()


def tool_try(*, tool: Tool, arguments: Mapping[str, Any]) -> Trial:
    """Blocks for as long as the tool may take. Raises ValidationError if its secrets can't be decrypted."""
    if tool.kind == ToolKind.HTTP:
        called = FunctionCall(
            id=f"item_{uuid.uuid4().hex[:21]}",
            call_id=f"call_{uuid.uuid4().hex[:16]}",
            name=tool.slug,
            arguments=json.dumps(arguments),
        )
        known = http_tool(tool)
        return _shown(known, async_to_sync(_call)(known, called))
    if tool.kind == ToolKind.MCP:
        headers = tuple(headers_of(tool).items())
        return async_to_sync(_list_tools)(ToolServer(tool.slug, tool.url, headers))
    return Trial(events=_events(tool, json.dumps(arguments)))


async def _call(tool: HttpTool, call: FunctionCall) -> Exchange:
    http = OutboundHttp(outbound_policy())
    try:
        return await exchange(http, tool, call, Caller(SESSION))
    finally:
        await http.aclose()


async def _list_tools(server: ToolServer) -> Trial:
    http = OutboundHttp(outbound_policy())
    servers = McpServers(http)
    try:
        return Trial(tools=await servers.of_tenant(SESSION).list_tools(server))
    except ToolFailure as failure:
        return Trial(problem=failure.error.message)
    finally:
        await servers.aclose()
        await http.aclose()


def _shown(tool: HttpTool, done: Exchange) -> Trial:
    request = done.requests[-1] if done.requests else None
    secret = {name for name, _ in tool.headers}
    lines = [] if request is None else [f"POST {request.url}"]
    if request is not None:
        lines += [f"{name}: {'***' if name in secret else value}" for name, value in request.headers.items()]
        lines += ["", _pretty(request.body.decode())]
    answer = ""
    if done.answer is not None:
        body = tool.redact(done.answer.body.decode(errors="replace"))
        answer = f"{done.answer.status} {done.answer.content_type}\n\n{_pretty(body)[:_SHOWN]}"
    return Trial(
        request="\n".join(lines),
        answer=answer,
        seconds=done.seconds,
        tries=len(done.requests),
        output=done.output[:_SHOWN],
        problem=done.failure.error.message if done.failure else "",
    )


def _events(tool: Tool, arguments: str) -> list[str]:
    called = {"call_id": "call_1", "name": tool.slug, "arguments": arguments}
    item = {"type": "function_call_output", "call_id": "call_1", "output": '{"done": true}'}
    return [
        json.dumps({"type": "response.function_call_arguments.done", **called}, indent=2),
        json.dumps({"type": "conversation.item.create", "item": item}, indent=2),
        json.dumps({"type": "response.create"}, indent=2),
    ]


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
