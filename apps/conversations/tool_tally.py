"""How often a session's tools were called and how that went, for the counters of the registry."""

from collections import defaultdict
from collections.abc import Container, Iterable
from datetime import UTC, datetime

from antiphon.engine.inputs import FunctionEnded
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import FunctionCall, McpCall, RemoteToolError
from antiphon.protocol.session import FunctionTool, McpTool, ToolConfig
from apps.tools.services import CallsMade

_TIMEOUT = 504


class ToolTally:
    """Observes one session. `run_here` are the functions that the platform runs, which it reports itself."""

    def __init__(self, tools: Iterable[ToolConfig], run_here: Container[str]) -> None:
        self.made: defaultdict[str, CallsMade] = defaultdict(CallsMade)
        self._functions = {tool.name for tool in tools if isinstance(tool, FunctionTool)}
        self._servers = {tool.server_label for tool in tools if isinstance(tool, McpTool)}
        self._run_here = run_here

    def __call__(self, event: object, now: float) -> None:
        match event:
            case FunctionEnded(name=name, error=error):
                self._count(name, error)
            case ev.OutputItemDone(item=FunctionCall(name=name, status="completed")):
                if name in self._functions and name not in self._run_here:
                    self._count(name, None)
            case ev.ItemDone(item=McpCall(server_label=label, error=error)):
                if label in self._servers:
                    self._count(label, error)

    def _count(self, slug: str, error: RemoteToolError | None) -> None:
        made = self.made[slug]
        made.calls += 1
        made.last_at = datetime.now(UTC)
        if error is not None:
            made.failures += 1
            made.timeouts += error.code == _TIMEOUT
            made.last_error = error.message
