"""Tools of remote servers as a session's settings have them: which are allowed, which need approval, and under
which names a model sees them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.protocol.session import (
    ApprovalFilter,
    FunctionChoice,
    FunctionTool,
    McpTool,
    ToolConfig,
    ToolFilter,
)
from antiphon.protocol.session import ToolChoice as ToolChoiceSetting
from antiphon.providers.base.llm import Tool, ToolChoice
from antiphon.providers.base.tools import ToolServer

MOST_SERVERS = 16  # in one set of tools
_MAX_NAME = 64  # characters that models take in the name of a function
_UNUSABLE = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class Target:
    """What stands behind a name that a model was offered."""

    server: ToolServer
    name: str
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools for one response: `tools` as the model sees them, `targets` those of them that we run, by name."""

    tools: Sequence[Tool] = ()
    targets: Mapping[str, Target] = field(default_factory=dict)

    def name_of(self, label: str, tool: str) -> str:
        """The name under which the model knows a tool; one that is no longer offered keeps its own."""
        for offered, target in self.targets.items():
            if (target.server.label, target.name) == (label, tool):
                return offered
        return _usable(tool)

    def chosen(self, choice: ToolChoiceSetting) -> tuple[Sequence[Tool], ToolChoice]:
        """The tools that a choice leaves, and the choice in terms of them. What is not there can't be chosen."""
        if isinstance(choice, str):
            return self.tools, ToolChoice(choice)
        if isinstance(choice, FunctionChoice):
            return self.tools, ToolChoice("named", choice.name)
        for offered, target in self.targets.items():
            if (target.server.label, target.name) == (choice.server_label, choice.name):
                return self.tools, ToolChoice("named", offered)
        of_server = [tool for tool in self.tools if self._label(tool.name) == choice.server_label]
        if choice.name is None and of_server:
            return of_server, ToolChoice("required")
        return self.tools, ToolChoice()

    def _label(self, offered: str) -> str | None:
        target = self.targets.get(offered)
        return target.server.label if target else None


def check_tools(settings: Iterable[ToolConfig], param: str) -> None:
    """Raises Refused for servers that can't be reached as they are described."""
    labels: set[str] = set()
    for index, tool in enumerate(settings):
        if not isinstance(tool, McpTool):
            continue
        where = f"{param}[{index}]"
        for unsupported in ("connector_id", "tunnel_id"):
            if getattr(tool, unsupported) is not None:
                raise errors.invalid_value(
                    f"'{unsupported}' is not supported: give the address of the MCP server in 'server_url'.",
                    f"{where}.{unsupported}",
                )
        if not tool.server_url:
            raise errors.missing_parameter(f"{where}.server_url")
        if tool.server_label in labels:
            raise errors.invalid_value(
                f"The server_label '{tool.server_label}' is used twice: give each server one of its own.",
                f"{where}.server_label",
            )
        labels.add(tool.server_label)
        if len(labels) > MOST_SERVERS:
            raise errors.invalid_value(f"At most {MOST_SERVERS} MCP servers can be used at once.", param)


def server_of(tool: McpTool) -> ToolServer:
    headers = dict(tool.headers or {})
    if tool.authorization:
        scheme, space, _ = tool.authorization.partition(" ")
        bearer = (
            tool.authorization if space and scheme.lower() == "bearer" else f"Bearer {tool.authorization}"
        )
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = bearer
    return ToolServer(tool.server_label, tool.server_url or "", tuple(sorted(headers.items())))


def allowed(setting: McpTool, tools: Iterable[RemoteTool]) -> list[RemoteTool]:
    """Those of a server's tools that the client wants; without a word of its own it wants all."""
    wanted = setting.allowed_tools
    if wanted is None:
        return list(tools)
    if isinstance(wanted, list):
        wanted = ToolFilter(tool_names=wanted)
    return [tool for tool in tools if _matches(wanted, tool)]


def needs_approval(setting: McpTool, tool: RemoteTool) -> bool:
    """Every call needs the client's approval, unless it says otherwise (protocol reference 3.1)."""
    rule = setting.require_approval
    if isinstance(rule, ApprovalFilter):
        if _says_something(rule.always) and _matches(rule.always, tool):
            return True
        return not (_says_something(rule.never) and _matches(rule.never, tool))
    return rule != "never"


def offer(settings: Sequence[ToolConfig], listed: Mapping[ToolServer, Sequence[RemoteTool]]) -> Offer:
    """All tools for a model: functions of the client, and what the servers have listed so far.

    A tool keeps its own name where that is the only one; else its server's label comes before it.
    """
    functions = [tool for tool in settings if isinstance(tool, FunctionTool)]
    tools = [Tool(tool.name, tool.description or "", tool.parameters or {}) for tool in functions]
    remote = [
        (setting, server, tool)
        for setting in settings
        if isinstance(setting, McpTool)
        for server in [server_of(setting)]
        for tool in allowed(setting, listed.get(server, ()))
    ]
    own_names = [_usable(tool.name) for _, _, tool in remote]
    taken = {tool.name for tool in functions}
    targets: dict[str, Target] = {}
    for (setting, server, tool), own in zip(remote, own_names, strict=True):
        name = own
        if own in taken or own_names.count(own) > 1:
            name = _free(_usable(f"{server.label}__{tool.name}"), taken)
        taken.add(name)
        targets[name] = Target(server, tool.name, needs_approval(setting, tool))
        tools.append(Tool(name, tool.description or "", tool.input_schema))
    return Offer(tools, targets)


def outcome(item_id: str, output_index: int, error: RemoteToolError | None) -> ev.ServerEvent:
    """The event that says how a call ended."""
    kind = ev.McpCallCompleted if error is None else ev.McpCallFailed
    return kind(item_id=item_id, output_index=output_index)


def _matches(wanted: ToolFilter | None, tool: RemoteTool) -> bool:
    if wanted is None:
        return False
    if wanted.tool_names is not None and tool.name not in wanted.tool_names:
        return False
    read_only = bool((tool.annotations or {}).get("readOnlyHint"))
    return wanted.read_only is None or wanted.read_only == read_only


def _says_something(wanted: ToolFilter | None) -> bool:
    return wanted is not None and wanted != ToolFilter()


def _usable(name: str) -> str:
    return _UNUSABLE.sub("_", name)[:_MAX_NAME]


def _free(name: str, taken: set[str]) -> str:
    """The name, or one like it that is not taken."""
    if name not in taken:
        return name
    numbered = (f"{name[: _MAX_NAME - 4]}_{number}" for number in count(2))
    return next(candidate for candidate in numbered if candidate not in taken)
