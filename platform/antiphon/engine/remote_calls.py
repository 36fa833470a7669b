"""Tool servers at work for a session: lists asked for, tools run and stopped. Any number at a time, and nothing
waits for them but the response they belong to.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.providers.base.tools import ToolFailure, ToolServer, ToolServers

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]
Take = Callable[[inputs.Happening], None]

_OURS = RemoteToolError(
    type="tool_execution_error", message="The tool could not be run; the operator's log says why."
)


class NoToolServers:
    """For a host that reaches none."""

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        raise ToolFailure("http_error", "No tool servers can be reached from here.", 403)

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        raise ToolFailure("http_error", "No tool servers can be reached from here.", 403)


class RemoteCalls:
    def __init__(self, servers: ToolServers, spawn: Spawn, take: Take) -> None:
        self._servers = servers
        self._spawn = spawn
        self._take = take
        self._running: dict[str, asyncio.Task[None]] = {}

    def list_tools(self, effect: fx.ListTools) -> None:
        self._spawn(self._list(effect), "list the tools of a server")

    def call(self, effect: fx.CallRemoteTool) -> None:
        task = self._running[effect.item_id] = self._spawn(self._call(effect), "run a remote tool")
        task.add_done_callback(lambda _: self._running.pop(effect.item_id, None))

    def stop(self, effect: fx.StopRemoteTool) -> None:
        if task := self._running.get(effect.item_id):
            task.cancel()

    async def _list(self, effect: fx.ListTools) -> None:
        try:
            tools = await self._servers.list_tools(effect.server)
        except ToolFailure as failure:
            log.warning("The tools of %r can't be listed: %s", effect.server.label, failure)
            self._take(inputs.ToolsNotListed(effect.item_id, failure.error))
        except Exception:
            log.exception("The tools of %r can't be listed.", effect.server.label)
            self._take(inputs.ToolsNotListed(effect.item_id, _OURS))
        else:
            self._take(inputs.ToolsListed(effect.item_id, tools))

    async def _call(self, effect: fx.CallRemoteTool) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        output, error = None, None
        outcome: inputs.FunctionOutcome = "cancelled"
        try:
            output = await self._servers.call(effect.server, effect.name, effect.arguments)
            outcome = "completed"
        except ToolFailure as failure:
            error, outcome = failure.error, "failed"
        except Exception:
            log.exception("The tool %r of %r could not be run.", effect.name, effect.server.label)
            error, outcome = _OURS, "failed"
        finally:
            ms = round((loop.time() - began) * 1000)
            self._take(inputs.RemoteToolUsed(effect.item_id, effect.response_id, outcome, ms))
        self._take(inputs.RemoteToolReturned(effect.item_id, effect.response_id, output, error))
