"""A client of one MCP server: the handshake, the tools there are, and calls to them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from antiphon.outbound.policy import OutboundError
from antiphon.protocol.items import RemoteTool
from antiphon.providers.base.tools import ToolFailure
from antiphon.providers.mcp.results import text_of
from antiphon.providers.mcp.wire import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    SESSION_HEADER,
    VERSION_HEADER,
    SessionLost,
    Wire,
)

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")  # of the protocol, newest first
MAX_TOOLS = 512
LIST_FOR = 300.0  # seconds that a list of tools holds


class _Tool(msgspec.Struct):
    name: str
    inputSchema: dict[str, Any]
    description: str | None = None
    annotations: dict[str, Any] | None = None


class _Tools(msgspec.Struct):
    tools: list[_Tool]
    nextCursor: str | None = None


class McpClient:
    """Opens a session with its server when one is first needed, and a new one when the server has lost it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._session: Mapping[str, str] = {}
        self._tools: Sequence[RemoteTool] = ()
        self._listed_at = -LIST_FOR
        self._shaking_hands = asyncio.Lock()
        self._listing = asyncio.Lock()

    async def list_tools(self) -> Sequence[RemoteTool]:
        """Asks the server at most every five minutes. Raises ToolFailure."""
        async with self._listing:
            now = asyncio.get_running_loop().time()
            if now - self._listed_at >= LIST_FOR:
                self._tools = await self._ask_for_tools()
                self._listed_at = now
            return self._tools

    async def call(self, name: str, arguments: str) -> str:
        """Raises ToolFailure."""
        try:
            given = msgspec.json.decode(arguments or "{}", type=dict[str, Any])
        except msgspec.DecodeError:
            raise ToolFailure(
                "protocol_error", f"The arguments of {name!r} are no JSON object.", INVALID_PARAMS
            ) from None
        return text_of(name, await self._request("tools/call", {"name": name, "arguments": given}))

    async def aclose(self) -> None:
        """Ends the session on the server, if it answers soon."""
        session, self._session = self._session, {}
        if SESSION_HEADER in session:
            with suppress(OutboundError):
                await self._wire.end(session)

    async def _ask_for_tools(self) -> Sequence[RemoteTool]:
        tools: list[RemoteTool] = []
        params: dict[str, Any] = {}
        while True:
            try:
                page = msgspec.convert(await self._request("tools/list", params), _Tools)
            except msgspec.ValidationError:
                raise self._wire.failure("sent a list of tools that is none", INVALID_REQUEST) from None
            tools += [
                RemoteTool(
                    name=tool.name,
                    input_schema=tool.inputSchema,
                    description=tool.description,
                    annotations=tool.annotations,
                )
                for tool in page.tools
            ]
            if len(tools) > MAX_TOOLS or (page.nextCursor and not page.tools):
                raise self._wire.failure(f"lists more than {MAX_TOOLS} tools, or never ends", INVALID_REQUEST)
            if not page.nextCursor:
                return tools
            params = {"cursor": page.nextCursor}

    async def _request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        session = await self._open()
        try:
            return (await self._wire.request(method, params, session)).result
        except SessionLost:
            if self._session is session:
                self._session = {}
        try:
            return (await self._wire.request(method, params, await self._open())).result
        except SessionLost:
            raise self._wire.failure("loses its sessions", INVALID_REQUEST) from None

    async def _open(self) -> Mapping[str, str]:
        """The headers of the session; the handshake comes first where there is none."""
        async with self._shaking_hands:
            if not self._session:
                self._session = await self._shake_hands()
            return self._session

    async def _shake_hands(self) -> Mapping[str, str]:
        us = {
            "protocolVersion": VERSIONS[0],
            "capabilities": {},
            "clientInfo": {"name": "antiphon", "version": "1"},
        }
        reply = await self._wire.request("initialize", us, {})
        version = reply.result.get("protocolVersion")
        if version not in VERSIONS:
            spoken = ", ".join(VERSIONS)
            raise self._wire.failure(f"speaks none of the protocol's versions {spoken}", INVALID_REQUEST)
        session = {VERSION_HEADER: version}
        if reply.session_id:
            session[SESSION_HEADER] = reply.session_id
        try:
            await self._wire.notify("notifications/initialized", {}, session)
        except OutboundError as error:
            raise ToolFailure("http_error", str(error), 502) from None
        return session
