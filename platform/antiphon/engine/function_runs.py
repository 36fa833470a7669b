"""The functions of a session at work on servers: any number at a time, and nothing waits for them."""

import asyncio
import logging
from collections.abc import Collection

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.function_calls import failed
from antiphon.engine.remote_calls import Spawn, Take
from antiphon.protocol.items import FunctionCall, RemoteToolError
from antiphon.providers.base.tools import Functions, ToolFailure

log = logging.getLogger(__name__)

_OURS = RemoteToolError(
    type="tool_execution_error", message="The function could not be run; the operator's log says why."
)


class NoFunctions:
    """For a host that runs none."""

    names: Collection[str] = ()

    async def call(self, call: FunctionCall) -> str:
        raise ToolFailure("tool_execution_error", f"The function {call.name!r} can't be run from here.")


class FunctionRuns:
    def __init__(self, functions: Functions, spawn: Spawn, take: Take) -> None:
        self._functions = functions
        self._spawn = spawn
        self._take = take
        self._running: dict[str, asyncio.Task[None]] = {}

    def run(self, effect: fx.RunFunction) -> None:
        item_id = effect.call.id
        task = self._running[item_id] = self._spawn(self._run(effect), "run a function")
        task.add_done_callback(lambda _: self._running.pop(item_id, None))

    def stop(self, effect: fx.StopFunction) -> None:
        if task := self._running.get(effect.item_id):
            task.cancel()

    async def _run(self, effect: fx.RunFunction) -> None:
        call = effect.call
        where = (call.id, effect.response_id, call.call_id, call.name)
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._take(inputs.FunctionStarted(*where))
        output, error, cancelled = "", None, True
        try:
            output = await self._functions.call(call)
            cancelled = False
        except ToolFailure as failure:
            error = failure.error
        except Exception:
            log.exception("The function %r could not be run.", call.name)
            error = _OURS
        finally:
            outcome: inputs.FunctionOutcome = (
                "failed" if error is not None else "cancelled" if cancelled else "completed"
            )
            ms = round((loop.time() - began) * 1000)
            self._take(inputs.FunctionEnded(*where, outcome=outcome, duration_ms=ms, error=error))
        self._take(inputs.FunctionReturned(call.id, failed(error.message) if error else output))
