"""A real MCP server, of the `mcp` package, in a thread and on loopback: the oracle for our client."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from mcp.server import MCPServer
from mcp.types import ToolAnnotations


@dataclass
class RunningServer:
    url: str
    seen: list[dict[str, str]] = field(default_factory=list)  # the headers of each request
    started: threading.Event = field(default_factory=threading.Event)  # the tool `wait`
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def mcp_server(*, json: bool = False, port: int = 0) -> Iterator[RunningServer]:
    """`json` has it answer with plain JSON in place of event streams."""
    listening = socket.create_server(("127.0.0.1", port))
    running = RunningServer(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
    app = _tools(running).streamable_http_app(json_response=json)

    async def noted(scope, receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "http":
            running.seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await app(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(noted, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), name="MCP server")
    thread.start()
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _tools(running: RunningServer) -> MCPServer:
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    server = MCPServer("oracle", log_level="CRITICAL")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    @server.tool()
    def greet(name: str) -> str:
        """Greets."""
        return f"Hello, {name}! Grüße."

    @server.tool()
    def fail() -> str:
        """Fails."""
        raise ValueError("It did not work.")

    @server.tool()
    def flood() -> str:
        """Says too much."""
        return "x" * 100_000

    @server.tool()
    def drown() -> str:
        """Says more than one answer may hold."""
        return "x" * 2_000_000

    @server.tool()
    async def wait() -> str:
        """Takes its time."""
        running.started.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            running.stopped.set()
            raise
        return "done"

    return server
