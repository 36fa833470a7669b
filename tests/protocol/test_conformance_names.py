"""Ids become names by order of appearance, names become ids again, and what the client chose stays."""

from typing import Any

import pytest

from antiphon.conformance.cases import CaseError
from antiphon.conformance.names import Names

ADDED = {
    "type": "conversation.item.added",
    "event_id": "event_abc",
    "previous_item_id": "item_xyz",
    "item": {"id": "8f2c", "type": "function_call", "call_id": "toolu_1", "name": "look"},
}


def test_it_names_ids_by_order_of_appearance() -> None:
    names = Names()
    assert names.canonical(ADDED) == {
        "type": "conversation.item.added",
        "previous_item_id": "item_1",
        "item": {"id": "item_2", "type": "function_call", "call_id": "call_1", "name": "look"},
    }
    deleted = {"type": "conversation.item.deleted", "item_id": "8f2c"}
    assert names.canonical(deleted)["item_id"] == "item_2"


def test_null_stays_null() -> None:
    assert Names().canonical({"type": "x", "previous_item_id": None}) == {
        "type": "x",
        "previous_item_id": None,
    }


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (
            {"response": {"id": "a", "output": [{"id": "b"}]}},
            {"response": {"id": "resp_1", "output": [{"id": "item_1"}]}},
        ),
        (
            {"session": {"id": "a", "prompt": {"id": "b"}}},
            {"session": {"id": "sess_1", "prompt": {"id": "b"}}},
        ),
        (
            {"response": {"id": "a", "conversation_id": "b"}},
            {"response": {"id": "resp_1", "conversation_id": "conv_1"}},
        ),
        ({"error": {"event_id": "mine", "code": None}}, {"error": {"event_id": "mine", "code": None}}),
    ],
)
def test_the_place_tells_the_kind(event: dict[str, Any], named: dict[str, Any]) -> None:
    assert Names().canonical(event) == named


def test_ids_in_messages_are_named_too() -> None:
    names = Names()
    names.canonical({"response": {"id": "resp_abc"}})
    error = {"error": {"message": "Active: resp_abc."}}
    assert names.canonical(error) == {"error": {"message": "Active: resp_1."}}


def test_the_clients_own_ids_stay() -> None:
    names = Names()
    names.wire({"type": "conversation.item.create", "item": {"id": "mine", "call_id": "my_call"}})
    item = {"id": "mine", "call_id": "my_call"}
    assert names.canonical({"item": item, "previous_item_id": "other"}) == {
        "item": item,
        "previous_item_id": "item_1",
    }


def test_names_in_client_events_become_the_servers_ids() -> None:
    names = Names()
    names.canonical(ADDED)
    sent = {"type": "x", "item_id": "item_2", "nested": [{"call_id": "call_1"}], "text": "item 2"}
    wire = names.wire(sent)
    assert wire == {"type": "x", "item_id": "8f2c", "nested": [{"call_id": "toolu_1"}], "text": "item 2"}
    assert names.canonical({"item_id": "8f2c"}) == {"item_id": "item_2"}, "it is still the server's id"


def test_a_name_that_stands_for_nothing_yet_is_refused() -> None:
    with pytest.raises(CaseError, match="item_3"):
        Names().wire({"type": "conversation.item.delete", "item_id": "item_3"})


def test_the_call_that_a_session_is_counts_as_no_function_call() -> None:
    names = Names()
    names.canonical({"type": "session.created", "session": {"id": "sess_9", "call_id": "rtc_1"}})
    item = {"type": "function_call", "id": "item_9", "call_id": "call_9"}
    assert names.canonical({"type": "x", "item": item})["item"]["call_id"] == "call_1"
