"""Tools that live on servers and that the platform calls itself: which there are, and what a call returns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from antiphon.protocol.items import FunctionCall, RemoteTool, RemoteToolError

FailureKind = Literal["protocol_error", "tool_execution_error", "http_error"]


@dataclass(frozen=True, slots=True)
class ToolServer:
    """Where a server is, and the headers that let us in. `label` is what its session calls it."""

    label: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class ToolFailure(Exception):
    """A server could not list its tools, or a call did not return.

    `http_error`: no proper answer; `code` is the status, and where no answer came the one that a gateway would
    give: 403 for an address that may not be reached, 502 for a broken connection, 504 for none in time.
    `protocol_error`: an answer that is none, or a refusal; `code` is that of JSON-RPC.
    `tool_execution_error`: the tool ran and failed; it has no code.

    The message is shown to clients and to the model, and never contains a credential.
    """

    def __init__(self, kind: FailureKind, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.error = RemoteToolError(type=kind, code=code, message=message)


class ToolServers(Protocol):
    """The way to a tenant's tool servers. Cancelling either call ends its request."""

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        """Raises ToolFailure."""

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        """Runs a tool; `arguments` is the text of a JSON object. Returns what it said. Raises ToolFailure."""


class Functions(Protocol):
    """The functions that the platform runs for one session, in place of its client."""

    @property
    def names(self) -> Collection[str]: ...

    async def call(self, call: FunctionCall) -> str:
        """What the function returned. Its item's id is the same however often the call is tried. Cancelling ends
        the request. Raises ToolFailure."""
