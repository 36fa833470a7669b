"""Tools that the platform runs itself: servers asked for their tools, approvals, and calls outside of responses
(protocol reference 2.1 J). Calls within a response are the response's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET, UnsetType, structs

from antiphon.engine import inputs, tool_offers
from antiphon.engine.conversation import Entry
from antiphon.engine.effects import CallRemoteTool, ListTools, StopRemoteTool
from antiphon.engine.state import SessionState
from antiphon.engine.tool_offers import Offer, Target, outcome
from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import (
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    RemoteTool,
    RemoteToolError,
)
from antiphon.protocol.session import McpTool, ToolConfig
from antiphon.providers.base.llm import Message, ToolCall
from antiphon.providers.base.tools import ToolServer

_ENDED = RemoteToolError(
    type="tool_execution_error", message="The session ended before the tool had returned."
)
_MOST_LISTS = 64  # remembered; more can only come from responses that bring servers of their own


@dataclass(slots=True)
class _List:
    item_id: str
    setting: McpTool
    tools: Sequence[RemoteTool] | None = None  # None while the server is being asked


class RemoteTools:
    """What is known of a session's tool servers, and what waits for its client's approval."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._lists: dict[ToolServer, _List] = {}
        self._asked: dict[str, tuple[Target, McpApprovalRequest]] = {}
        self._running: set[str] = set()  # the items of calls outside of responses

    # Lists

    def want(self, settings: Iterable[ToolConfig]) -> set[str]:
        """Asks the servers that are new for their tools. Returns the items of the lists that are not there yet."""
        lists = []
        for setting in settings:
            if isinstance(setting, McpTool):
                server = tool_offers.server_of(setting)
                lists.append(self._lists.get(server) or self._ask_for_tools(setting, server))
        return {wanted.item_id for wanted in lists if wanted.tools is None}

    def listed(self, event: inputs.ToolsListed) -> None:
        for wanted in self._lists.values():
            if wanted.item_id == event.item_id:
                wanted.tools = event.tools
                self._close_list(event.item_id, tool_offers.allowed(wanted.setting, event.tools))
                self._state.send(ev.McpListToolsCompleted(item_id=event.item_id))

    def not_listed(self, event: inputs.ToolsNotListed) -> None:
        """The server is asked again when its settings are next sent."""
        self._lists = {s: wanted for s, wanted in self._lists.items() if wanted.item_id != event.item_id}
        self._close_list(event.item_id, [], event.error)
        self._state.send(ev.McpListToolsFailed(item_id=event.item_id))

    def offer(self, settings: Sequence[ToolConfig]) -> Offer:
        """The tools for a response: those of lists that are not there yet are not among them."""
        return tool_offers.offer(settings, {s: wanted.tools or () for s, wanted in self._lists.items()})

    def _ask_for_tools(self, setting: McpTool, server: ToolServer) -> _List:
        if len(self._lists) >= _MOST_LISTS:
            oldest = next((s for s, wanted in self._lists.items() if wanted.tools is not None), server)
            self._lists.pop(oldest, None)
        wanted = self._lists[server] = _List(self._state.ids.new("mcpl"), setting)
        item = McpListTools(id=wanted.item_id, server_label=server.label)
        self._state.send(ev.McpListToolsInProgress(item_id=item.id))
        previous = self._state.conversation.insert(Entry(item))
        self._state.send(ev.ItemAdded(previous_item_id=previous, item=item))
        self._state.do(ListTools(item.id, server))
        return wanted

    def _close_list(
        self, item_id: str, tools: list[RemoteTool], error: RemoteToolError | UnsetType = UNSET
    ) -> None:
        entry = self._state.conversation.find(item_id)
        if entry is not None and isinstance(entry.item, McpListTools):
            entry.item = structs.replace(entry.item, tools=tools, error=error)
            self._close(entry)

    # Approvals

    def ask(self, target: Target, request: McpApprovalRequest) -> None:
        """A response asks its client to approve a call."""
        self._asked[request.id] = (target, request)

    def check_answer(self, answer: McpApprovalResponse) -> None:
        """Raises Refused."""
        if answer.approval_request_id not in self._asked:
            raise errors.no_such_approval_request(answer.approval_request_id)

    def answer(self, answer: McpApprovalResponse) -> None:
        """Runs the call if it was approved. No response follows by itself: the client asks for one."""
        target, request = self._asked.pop(answer.approval_request_id)
        if not answer.approve:
            return
        call = McpCall(
            id=self._state.ids.new("mcp"),
            server_label=request.server_label,
            name=request.name,
            arguments=request.arguments,
            approval_request_id=request.id,
        )
        previous = self._state.conversation.insert(Entry(call))
        self._state.send(ev.ItemAdded(previous_item_id=previous, item=call))
        self._state.send(ev.McpCallInProgress(item_id=call.id, output_index=0))
        self._running.add(call.id)
        self._state.do(CallRemoteTool(call.id, "", target.server, target.name, call.arguments))

    def returned(self, event: inputs.RemoteToolReturned) -> None:
        """A call that was approved, and so ran outside of any response, is over."""
        if event.item_id not in self._running:  # it was stopped
            return
        self._running.remove(event.item_id)
        entry = self._state.conversation.find(event.item_id)
        if entry is None or not isinstance(entry.item, McpCall):
            return
        entry.item = structs.replace(entry.item, output=event.output, error=event.error)
        self._close(entry)
        self._state.send(outcome(event.item_id, 0, event.error))

    def stop(self) -> None:
        """Stops the calls that run outside of responses."""
        for item_id in sorted(self._running):
            self._state.do(StopRemoteTool(item_id))
            self.returned(inputs.RemoteToolReturned(item_id, "", error=_ENDED))

    def _close(self, entry: Entry) -> None:
        previous = self._state.conversation.previous_id(entry.item.id)
        self._state.send(ev.ItemDone(previous_item_id=previous, item=entry.item))


def as_messages(
    entry: Entry, offered: Offer, answers: Mapping[str, McpApprovalResponse]
) -> Sequence[Message]:
    """A call of a remote tool as a model sees it: the call and what came of it. `answers` are by request."""
    match entry.item:
        case McpCall(id=call_id, server_label=label, name=name, arguments=arguments) as call:
            text = call.error.message if call.error else call.output
            result = "The tool is still running." if text is None else text
        case McpApprovalRequest(id=call_id, server_label=label, name=name, arguments=arguments):
            answer = answers.get(call_id)
            if answer is None:
                result = "The call waits for the user's approval."
            elif answer.approve:  # its call is an item of its own
                return []
            else:
                result = f"The user did not approve the call. {answer.reason or ''}".strip()
        case _:
            return []
    called = ToolCall(call_id, offered.name_of(label, name), arguments)
    return [
        Message("assistant", "", tool_calls=(called,), item_id=call_id),
        Message("tool", result, call_id=call_id, item_id=call_id),
    ]
