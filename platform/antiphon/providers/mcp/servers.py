"""The MCP servers of all tenants: one client for each server and each way in, kept while it is used."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.outbound.http import OutboundHttp
from antiphon.protocol.items import RemoteTool
from antiphon.providers.base.tools import ToolFailure, ToolServer, ToolServers
from antiphon.providers.mcp.client import McpClient
from antiphon.providers.mcp.wire import Wire

DEADLINE = (
    10.0  # seconds for a call or a list, the handshake included: who waits longer on the phone hangs up
)
IDLE = 600.0  # seconds after which a client is forgotten; its server forgets the session by itself
MAX_CLIENTS = 1000


@dataclass(slots=True)
class _Kept:
    client: McpClient
    used_at: float


class McpServers:
    """Belongs to one event loop. What one tenant does never shares a session with another."""

    def __init__(self, http: OutboundHttp, deadline: float = DEADLINE) -> None:
        self._http = http
        self._deadline = deadline
        self._clients: dict[tuple[str, ToolServer], _Kept] = {}  # least recently used first

    def of_tenant(self, tenant: str) -> ToolServers:
        return _TenantServers(self, tenant)

    async def aclose(self) -> None:
        """Ends all sessions on their servers."""
        clients = [kept.client for kept in self._clients.values()]
        self._clients.clear()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.aclose(), name="end an MCP session")

    async def list_tools(self, tenant: str, server: ToolServer) -> Sequence[RemoteTool]:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._client(tenant, server).list_tools()
        except TimeoutError:
            raise self._too_slow(server) from None

    async def call(self, tenant: str, server: ToolServer, name: str, arguments: str) -> str:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._client(tenant, server).call(name, arguments)
        except TimeoutError:
            raise self._too_slow(server) from None

    def _client(self, tenant: str, server: ToolServer) -> McpClient:
        now = asyncio.get_running_loop().time()
        key = (tenant, server)
        kept = self._clients.pop(key, None) or _Kept(McpClient(Wire(self._http, server, self._deadline)), now)
        kept.used_at = now
        self._clients[key] = kept
        oldest = next(iter(self._clients))
        if len(self._clients) > MAX_CLIENTS or now - self._clients[oldest].used_at > IDLE:
            del self._clients[oldest]
        return kept.client

    def _too_slow(self, server: ToolServer) -> ToolFailure:
        message = f"The tool server {server.label!r} did not answer within {self._deadline:g} s."
        return ToolFailure("http_error", message, 504)


class _TenantServers:
    def __init__(self, servers: McpServers, tenant: str) -> None:
        self._servers = servers
        self._tenant = tenant

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        return await self._servers.list_tools(self._tenant, server)

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        return await self._servers.call(self._tenant, server, name, arguments)
