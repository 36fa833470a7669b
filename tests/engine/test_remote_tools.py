"""Tools that the platform runs itself (protocol reference 2.1 J): lists, calls, approvals, and what ends them."""

import json
from typing import Any

import pytest

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.ids import Ids
from antiphon.engine.machine import SessionMachine
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.protocol.session import McpTool, Session
from tests.engine.machine_harness import Event, Machine, types
from tests.engine.replay import Replay

URL = "https://tools.example.com/mcp"
SEARCH = RemoteTool(
    name="search",
    description="Searches.",
    input_schema={"type": "object"},
    annotations={"readOnlyHint": True},
)
DELETE = RemoteTool(name="delete", input_schema={"type": "object"})
DOWN = RemoteToolError(type="http_error", code=502, message="tools.example.com can't be reached.")


def server(label: str = "files", **given: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": label, "server_url": URL, "require_approval": "never", **given}


class Tools(Machine):
    """A machine whose tool servers answer when the test has them answer."""

    def use(self, *tools: dict[str, Any]) -> list[Event]:
        return self.update(tools=list(tools))

    def lists(self, *tools: RemoteTool, which: int = -1) -> list[Event]:
        return self.give(inputs.ToolsListed(self.all(fx.ListTools)[which].item_id, list(tools)))

    def ready(self, *tools: dict[str, Any]) -> None:
        """With these servers, each of which has both tools, and a question of the user."""
        asked = len(self.all(fx.ListTools))
        self.use(*(tools or [server()]))
        for which in range(asked, len(self.all(fx.ListTools))):
            self.lists(SEARCH, DELETE, which=which)
        self.say("Is it there?")

    def ask(self, **response: Any) -> list[Event]:
        return self.client("response.create", response=response)

    @property
    def call(self) -> fx.CallRemoteTool:
        """The call that ran last."""
        call: fx.CallRemoteTool = self.last(fx.CallRemoteTool)
        return call

    def returns(self, output: str = "two files") -> list[Event]:
        return self.give(inputs.RemoteToolReturned(self.call.item_id, self.call.response_id, output))

    def fails(self, error: RemoteToolError = DOWN) -> list[Event]:
        return self.give(inputs.RemoteToolReturned(self.call.item_id, self.call.response_id, error=error))

    @property
    def request(self) -> Any:
        """What the model was asked last."""
        return self.last(fx.Generate).request

    @property
    def offered(self) -> list[str]:
        return [tool.name for tool in self.request.tools]


@pytest.fixture
def m() -> Any:
    machine = Tools()
    yield machine
    replay = Replay()
    for event in machine.events:
        replay.take(event)


def test_it_works(m: Tools) -> None:
    """List, call and end, in the order of the protocol reference."""
    assert types(m.use(server())) == [
        "session.updated",
        "mcp_list_tools.in_progress",
        "conversation.item.added",
    ]
    assert m.events[-1]["item"]["tools"] == []
    assert types(m.lists(SEARCH)) == ["conversation.item.done", "mcp_list_tools.completed"]
    assert "error" not in m.events[-2]["item"]
    item = m.events[-2]["item"]
    assert (item["type"], item["server_label"], item["tools"][0]["name"]) == (
        "mcp_list_tools",
        "files",
        "search",
    )
    m.say("Is it there?")
    m.ask(output_modalities=["text"])
    assert m.request.tools[0].name == "search"
    assert types(m.model_calls("call_1", "search", '{"q":', '"it"}')) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.delta",
    ]
    assert m.events[-1]["obfuscation"] == ""
    assert types(m.model_ends("tool_calls")) == [
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
    ]
    assert (m.call.name, m.call.arguments, m.call.server.url) == ("search", '{"q":"it"}', URL)
    assert types(m.returns("two files")) == [
        "conversation.item.done",
        "response.output_item.done",
        "response.mcp_call.completed",
        "response.done",
        "rate_limits.updated",
    ]
    call = m.of("response.done")[0]["response"]["output"][0]
    assert (call["type"], call["output"], call["error"]) == ("mcp_call", "two files", None)
    assert m.all(fx.Generate)[-1].response_id == m.response_id, "no response follows by itself"
    assert len(m.of("response.created")) == 1


def test_the_next_response_sees_what_the_tool_returned(m: Tools) -> None:
    m.ready()
    m.ask()
    m.model_calls("call_1", "search", "{}")
    m.model_ends("tool_calls")
    m.returns("two files")
    m.ask()
    call, result = m.request.messages[-2:]
    assert (call.tool_calls[0].name, call.tool_calls[0].arguments) == ("search", "{}")
    assert (result.role, result.text, result.call_id) == ("tool", "two files", call.tool_calls[0].call_id)


def test_a_tool_that_fails_is_an_error_of_the_item_and_not_of_the_response(m: Tools) -> None:
    m.ready()
    m.ask()
    m.model_calls("call_1", "search", "{}")
    m.model_ends("tool_calls")
    assert types(m.fails())[:3] == [
        "conversation.item.done",
        "response.output_item.done",
        "response.mcp_call.failed",
    ]
    done = m.of("response.done")[0]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["error"] == {"type": "http_error", "code": 502, "message": DOWN.message}
    assert done["output"][0]["output"] is None
    m.ask()
    assert m.request.messages[-1].text == DOWN.message


# Lists


def test_a_server_that_does_not_list_its_tools_fails_with_a_reason(m: Tools) -> None:
    m.use(server())
    events = m.give(inputs.ToolsNotListed(m.last(fx.ListTools).item_id, DOWN))
    assert types(events) == ["conversation.item.done", "mcp_list_tools.failed"]
    assert events[0]["item"]["tools"] == []
    assert events[0]["item"]["error"] == {"type": "http_error", "code": 502, "message": DOWN.message}
    m.say("Hello")
    m.ask()
    assert m.offered == []


def test_a_server_is_asked_again_only_when_it_failed_or_is_another(m: Tools) -> None:
    m.use(server())
    m.update(instructions="Be brief.")
    m.use(server())
    assert len(m.all(fx.ListTools)) == 1
    m.lists(SEARCH)
    m.use(server(), server("web", server_url="https://web.example.com"))
    assert len(m.all(fx.ListTools)) == 2
    m.use(server(authorization="other"))
    assert len(m.all(fx.ListTools)) == 3
    m.give(inputs.ToolsNotListed(m.last(fx.ListTools).item_id, DOWN))
    m.use(server(authorization="other"))
    assert len(m.all(fx.ListTools)) == 4


def test_a_response_does_not_wait_for_the_lists_of_the_session(m: Tools) -> None:
    m.use(server())
    m.say("Hello")
    m.ask()
    assert m.offered == []


def test_the_servers_of_a_new_session_are_asked_at_once() -> None:
    tool = McpTool(server_label="files", server_url=URL)
    session = Session(id="sess_1", model="local/test", expires_at=3600, tools=[tool])
    effects = SessionMachine(session, ids=Ids()).start(0.0)
    sent = [type(effect.event) for effect in effects if isinstance(effect, fx.Send)]
    assert sent == [ev.SessionCreated, ev.McpListToolsInProgress, ev.ItemAdded]
    assert any(isinstance(effect, fx.ListTools) for effect in effects)


def test_a_response_waits_for_the_servers_it_names_itself(m: Tools) -> None:
    m.say("Hello")
    assert types(m.ask(tools=[server()])) == [
        "response.created",
        "mcp_list_tools.in_progress",
        "conversation.item.added",
    ]
    assert m.all(fx.Generate) == []
    m.lists(SEARCH)
    assert m.offered == ["search"]
    m.model_ends()
    m.ask()
    assert m.offered == [], "they were for that response alone"


def test_a_response_goes_on_without_a_server_that_failed(m: Tools) -> None:
    m.say("Hello")
    m.ask(tools=[server(), {"type": "function", "name": "hang_up"}])
    m.give(inputs.ToolsNotListed(m.last(fx.ListTools).item_id, DOWN))
    assert m.offered == ["hang_up"]


def test_a_list_whose_item_was_deleted_still_counts(m: Tools) -> None:
    m.use(server())
    m.client("conversation.item.delete", item_id=m.last(fx.ListTools).item_id)
    assert types(m.lists(SEARCH)) == ["mcp_list_tools.completed"]
    m.say("Hello")
    m.ask()
    assert m.offered == ["search"]


def test_the_session_shows_no_secret(m: Tools) -> None:
    events = m.use(server(authorization="very-secret", headers={"X-Key": "very-secret"}))
    assert "very-secret" not in json.dumps(events)
    assert dict(m.last(fx.ListTools).server.headers) == {
        "Authorization": "Bearer very-secret",
        "X-Key": "very-secret",
    }


@pytest.mark.parametrize(
    ("tools", "param", "problem"),
    [
        ([server(server_url=None)], "session.tools[0].server_url", "Missing required parameter"),
        ([server(connector_id="connector_gmail")], "session.tools[0].connector_id", "give the address"),
        ([server(tunnel_id="t")], "session.tools[0].tunnel_id", "give the address"),
        ([server(), server()], "session.tools[1].server_label", "used twice"),
        ([server(str(n)) for n in range(17)], "session.tools", "At most 16"),
    ],
)
def test_servers_that_make_no_sense_are_refused(
    m: Tools, tools: list[dict[str, Any]], param: str, problem: str
) -> None:
    (event,) = m.use(*tools)
    assert event["error"]["param"] == param
    assert problem in event["error"]["message"]
    (event,) = m.ask(tools=tools)
    assert event["error"]["param"] == param.replace("session", "response")
    assert m.all(fx.ListTools) == []


# What a model is offered


def test_a_name_that_two_servers_have_gets_the_label_before_it(m: Tools) -> None:
    m.ready(
        server("files"),
        server("web", server_url="https://web.example.com"),
        {"type": "function", "name": "delete"},
    )
    m.ask()
    assert m.offered == ["delete", "files__search", "files__delete", "web__search", "web__delete"]
    m.model_calls("call_1", "web__search", "{}")
    m.model_ends("tool_calls")
    assert (m.call.server.label, m.call.name) == ("web", "search")
    m.returns()
    m.ask()
    assert m.request.messages[-2].tool_calls[0].name == "web__search"


def test_a_name_that_models_do_not_take_is_changed_for_them(m: Tools) -> None:
    m.use(server())
    m.lists(
        RemoteTool(name="files/list.all", input_schema={}), RemoteTool(name="files.list/all", input_schema={})
    )
    m.say("Hello")
    m.ask()
    assert m.offered == ["files__files_list_all", "files__files_list_all_2"]
    m.model_calls("call_1", "files__files_list_all_2", "{}")
    m.model_ends("tool_calls")
    assert m.call.name == "files.list/all"


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        (None, ["search", "delete"]),
        (["delete"], ["delete"]),
        ([], []),
        ({"tool_names": ["search", "nope"]}, ["search"]),
        ({"read_only": True}, ["search"]),
        ({"read_only": False}, ["delete"]),
        ({"read_only": True, "tool_names": ["delete"]}, []),
        ({}, ["search", "delete"]),
    ],
)
def test_only_allowed_tools_are_offered_and_shown(m: Tools, allowed: Any, names: list[str]) -> None:
    m.ready(server(allowed_tools=allowed))
    m.ask()
    assert m.offered == names
    assert [tool["name"] for tool in m.of("conversation.item.done")[0]["item"]["tools"]] == names


def test_a_choice_of_tool_is_passed_on_in_the_models_names(m: Tools) -> None:
    m.ready(server("files"), server("web", server_url="https://web.example.com"))
    m.ask(tool_choice={"type": "mcp", "server_label": "web", "name": "search"})
    assert (m.request.tool_choice.mode, m.request.tool_choice.name) == ("named", "web__search")
    m.model_ends()
    m.ask(tool_choice={"type": "mcp", "server_label": "web"})
    assert (m.request.tool_choice.mode, m.offered) == ("required", ["web__search", "web__delete"])
    m.model_ends()
    m.ask(tool_choice={"type": "mcp", "server_label": "nope"})
    assert m.request.tool_choice.mode == "auto"
    m.model_ends()
    m.ask(tool_choice={"type": "function", "name": "f"})
    assert (m.request.tool_choice.mode, m.request.tool_choice.name) == ("named", "f")


# Calls


def test_calls_of_one_response_run_one_after_the_other(m: Tools) -> None:
    m.ready(server(), {"type": "function", "name": "hang_up"})
    m.ask()
    m.model_says("Let me see.")
    m.model_calls("call_1", "search", "{}")
    assert "response.mcp_call.in_progress" in types(m.model_calls("call_2", "delete", '{"x":1}'))
    m.model_calls("call_3", "hang_up", "{}")
    assert m.model_ends("tool_calls") == []
    assert [call.name for call in m.all(fx.CallRemoteTool)] == ["search"]
    m.returns("one")
    assert m.call.arguments == '{"x":1}'
    m.returns("two")
    output = m.of("response.done")[0]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "mcp_call", "mcp_call", "function_call"]
    assert [item["output"] for item in output[1:3]] == ["one", "two"]


def test_a_call_never_stops_audio_that_is_playing(m: Tools) -> None:
    paced = Tools(paced=True)
    paced.ready()
    paced.ask()
    paced.model_says("Let me see.", ms=2000)
    paced.model_calls("call_1", "search", "{}")
    paced.model_ends("tool_calls")
    paced.played(500)
    paced.returns()
    assert paced.all(fx.StopPlaying) == []
    assert paced.of("output_audio_buffer.stopped") == []
    paced.played(2000)
    assert len(paced.of("output_audio_buffer.stopped")) == 1


@pytest.mark.parametrize("speaking", [True, False])
def test_a_cancelled_response_stops_the_tool_and_closes_its_item(m: Tools, speaking: bool) -> None:
    m.ready()
    m.ask()
    m.model_calls("call_1", "search", "{}")
    m.model_ends("tool_calls")
    events = m.hear(0.9, 0.9, 0.9, 0.9, 0.9) if speaking else m.client("response.cancel")
    closing = [kind for kind in types(events) if kind != "input_audio_buffer.speech_started"]
    assert closing[:4] == [
        "conversation.item.done",
        "response.output_item.done",
        "response.mcp_call.failed",
        "response.done",
    ]
    assert m.last(fx.StopRemoteTool).item_id == m.call.item_id
    done = m.of("response.done")[0]["response"]
    assert done["status"] == "cancelled"
    assert done["output"][0]["error"]["type"] == "tool_execution_error"
    assert m.returns("too late") == []


def test_a_call_that_was_cut_off_never_runs(m: Tools) -> None:
    for end in (
        lambda: m.client("response.cancel"),
        lambda: m.model_ends("length"),
        lambda: m.model_breaks("network", "gone"),
    ):
        m.ready()
        m.ask()
        m.model_calls("call_1", "delete", '{"everything":')
        assert types(end())[:5] == [
            "response.mcp_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.mcp_call.failed",
            "response.done",
        ]
    assert m.all(fx.CallRemoteTool) == []


def test_an_out_of_band_response_calls_tools_and_leaves_no_items(m: Tools) -> None:
    m.ready()
    before = len(m.of("conversation.item.added"))
    m.ask(conversation="none")
    m.model_calls("call_1", "search", "{}")
    m.model_ends("tool_calls")
    m.returns("two files")
    assert m.of("response.done")[0]["response"]["output"][0]["output"] == "two files"
    assert len(m.of("conversation.item.added")) == before


def test_a_call_whose_item_was_deleted_still_closes_in_its_response(m: Tools) -> None:
    m.ready()
    m.ask()
    m.model_calls("call_1", "search", "{}")
    m.model_ends("tool_calls")
    m.client("conversation.item.delete", item_id=m.call.item_id)
    assert types(m.returns())[:2] == ["response.output_item.done", "response.mcp_call.completed"]


# Approval


def asked_for_approval(m: Tools, **given: Any) -> str:
    m.ready(server(require_approval="always"))
    m.ask(**given)
    assert m.model_calls("call_1", "delete", '{"x":', "1}") == []
    m.model_ends("tool_calls")
    request_id: str = m.of("response.done")[-1]["response"]["output"][0]["id"]
    return request_id


def approve(m: Tools, request_id: str, approve: bool = True, **given: Any) -> list[Event]:
    item = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approve, **given}
    return m.client("conversation.item.create", item=item, previous_item_id=request_id)


def test_a_call_that_needs_approval_asks_for_it_and_then_runs(m: Tools) -> None:
    m.ready(server(require_approval="always"))
    m.ask()
    m.model_calls("call_1", "delete", '{"x":', "1}")
    assert types(m.model_ends("tool_calls")) == [
        "response.output_item.added",
        "conversation.item.added",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    request = m.of("response.done")[0]["response"]["output"][0]
    assert (request["type"], request["name"], request["arguments"]) == (
        "mcp_approval_request",
        "delete",
        '{"x":1}',
    )
    assert m.all(fx.CallRemoteTool) == []
    assert types(approve(m, request["id"])) == [
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.added",
        "response.mcp_call.in_progress",
    ]
    assert m.events[-2]["item"]["approval_request_id"] == request["id"]
    assert (m.call.name, m.call.arguments, m.call.response_id) == ("delete", '{"x":1}', "")
    assert types(m.returns("gone")) == ["conversation.item.done", "response.mcp_call.completed"]
    assert m.events[-2]["item"]["output"] == "gone"
    assert len(m.of("response.created")) == 1, "the client asks for the next response"
    m.ask()
    assert [message.text for message in m.request.messages[-2:]] == ["", "gone"]


def test_an_approved_call_that_fails_says_so(m: Tools) -> None:
    approve(m, asked_for_approval(m))
    assert types(m.fails()) == ["conversation.item.done", "response.mcp_call.failed"]


def test_a_call_that_is_not_approved_does_not_run_and_the_model_knows(m: Tools) -> None:
    request = asked_for_approval(m)
    m.ask()
    assert m.request.messages[-1].text == "The call waits for the user's approval."
    m.model_ends()
    assert len(approve(m, request, False, reason="Too risky.")) == 2
    assert m.all(fx.CallRemoteTool) == []
    m.ask()
    assert "The user did not approve the call. Too risky." in [message.text for message in m.request.messages]


def test_an_approval_is_given_once_and_only_when_asked_for(m: Tools) -> None:
    request = asked_for_approval(m)
    (refused,) = approve(m, "mcpr_nope")
    assert refused["error"]["param"] in ("item.approval_request_id", "previous_item_id")
    approve(m, request)
    (refused,) = approve(m, request)
    assert refused["error"]["code"] == "invalid_approval_request_id"
    assert len(m.all(fx.CallRemoteTool)) == 1


def test_an_approval_that_can_not_be_placed_runs_nothing(m: Tools) -> None:
    request = asked_for_approval(m)
    item = {"type": "mcp_approval_response", "approval_request_id": request, "approve": True}
    (refused,) = m.client("conversation.item.create", item=item, previous_item_id="nope")
    assert refused["type"] == "error"
    assert m.all(fx.CallRemoteTool) == []
    approve(m, request)
    assert len(m.all(fx.CallRemoteTool)) == 1


def test_an_out_of_band_response_can_ask_for_approval_too(m: Tools) -> None:
    request = asked_for_approval(m, conversation="none")
    item = {"type": "mcp_approval_response", "approval_request_id": request, "approve": True}
    m.client("conversation.item.create", item=item)
    assert m.call.name == "delete"


def test_a_cancelled_response_asks_for_nothing(m: Tools) -> None:
    m.ready(server(require_approval="always"))
    m.ask()
    m.model_calls("call_1", "delete", '{"x":')
    assert types(m.client("response.cancel"))[0] == "response.done"


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("always", {"search", "delete"}),
        ("never", set()),
        (None, {"search", "delete"}),
        ({"never": {"tool_names": ["search"]}}, {"delete"}),
        ({"never": {"read_only": True}}, {"delete"}),
        ({"always": {"tool_names": ["delete"]}}, {"search", "delete"}),
        ({"always": {"tool_names": ["delete"]}, "never": {"tool_names": ["delete", "search"]}}, {"delete"}),
        ({"never": {}}, {"search", "delete"}),
        ({}, {"search", "delete"}),
    ],
)
def test_approval_is_needed_unless_the_client_waived_it(m: Tools, rule: Any, asked: set[str]) -> None:
    m.ready(server(require_approval=rule))
    for name in ("search", "delete"):
        m.ask()
        m.model_calls("call_1", name, "{}")
        m.model_ends("tool_calls")
        if name not in asked:
            m.returns()
        output = m.of("response.done")[-1]["response"]["output"][0]
        assert output["type"] == ("mcp_approval_request" if name in asked else "mcp_call")
