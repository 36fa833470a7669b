"""What clients ask wrongly: one error with their event id, nothing changed, the session goes on."""

from typing import Any

import pytest

from antiphon.engine import input_buffer
from tests.engine.machine_harness import Machine, types


def refused(machine: Machine, kind: str, **fields: Any) -> dict[str, Any]:
    events = machine.client(kind, event_id="mine", **fields)
    assert types(events) == ["error"]
    error: dict[str, Any] = events[0]["error"]
    assert error["event_id"] == "mine"
    assert types(machine.say("still here")) == ["conversation.item.added", "conversation.item.done"]
    return error


def test_committing_nothing_says_how_much_is_missing() -> None:
    m = Machine()
    m.manual()
    m.append(b"\x00\x00" * 1200)
    error = refused(m, "input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "Expected at least 100ms" in error["message"]
    assert "50.00ms" in error["message"]


def test_clearing_nothing_is_no_error() -> None:
    assert types(Machine().client("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


def test_audio_that_is_not_base64() -> None:
    error = refused(Machine(), "input_audio_buffer.append", audio="not base64!")
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_more_audio_than_the_buffer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_buffer, "LIMIT_MS", 2000)
    m = Machine()
    m.manual()
    m.append(b"\x00\x00" * 24_000 * 2)
    error = refused(m, "input_audio_buffer.append", audio="AAAA")
    assert error["code"] == "input_audio_buffer_full"


def test_an_odd_byte_waits_for_its_other_half() -> None:
    m = Machine()
    m.manual()
    m.append(b"\x01" * 4801)
    m.append(b"\x02" * 4799)
    m.client("input_audio_buffer.commit")
    assert m.committed == b"\x01" * 4801 + b"\x02" * 4799


def test_a_second_response_while_one_is_active() -> None:
    m = Machine()
    m.say("hi")
    m.client("response.create")
    error = refused(m, "response.create")
    assert error["code"] == "conversation_already_has_active_response"
    assert m.response_id in error["message"]


def test_more_responses_beside_the_conversation_than_a_session_may_run() -> None:
    m = Machine()
    for _ in range(32):
        m.client("response.create", response={"conversation": "none"})
    error = refused(m, "response.create", response={"conversation": "none"})
    assert error["code"] == "too_many_active_responses"
    m.model_ends()
    assert m.client("response.create", response={"conversation": "none"})[0]["type"] == "response.created"


def test_cancelling_when_nothing_is_active() -> None:
    error = refused(Machine(), "response.cancel")
    assert error["code"] == "response_cancel_not_active"
    assert error["message"].startswith("Cancellation failed")


def test_cancelling_a_response_that_is_not_there() -> None:
    m = Machine()
    m.say("hi")
    m.client("response.create")
    assert refused(m, "response.cancel", response_id="resp_other")["code"] == "response_cancel_not_active"


def test_an_item_id_that_is_taken() -> None:
    m = Machine()
    item = {"type": "message", "role": "user", "id": "mine", "content": [{"type": "input_text", "text": "a"}]}
    m.client("conversation.item.create", item=item)
    assert refused(m, "conversation.item.create", item=item)["code"] == "item_create_duplicate_item_id"


def test_a_place_that_does_not_exist() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    error = refused(Machine(), "conversation.item.create", item=item, previous_item_id="item_none")
    assert (error["code"], error["param"]) == ("item_create_invalid_item_id", "previous_item_id")


@pytest.mark.parametrize(
    ("role", "content"),
    [
        ("system", {"type": "input_audio", "audio": "AAAA"}),
        ("user", {"type": "output_text", "text": "a"}),
        ("assistant", {"type": "input_text", "text": "a"}),
        ("assistant", {"type": "output_audio", "audio": "AAAA"}),
    ],
)
def test_content_that_a_role_cannot_have(role: str, content: dict[str, Any]) -> None:
    item = {"type": "message", "role": role, "content": [content]}
    error = refused(Machine(), "conversation.item.create", item=item)
    assert (error["code"], error["param"]) == ("invalid_value", "item.content[0].type")


def test_truncating_what_is_not_there_or_not_spoken() -> None:
    m = Machine()
    fields = {"item_id": "item_none", "content_index": 0, "audio_end_ms": 10}
    assert refused(m, "conversation.item.truncate", **fields)["code"] == "item_truncate_invalid_item_id"
    user_item = m.of("conversation.item.added")[-1]["item"]["id"]
    error = refused(m, "conversation.item.truncate", **{**fields, "item_id": user_item})
    assert "Only model output audio" in error["message"]


def test_another_voice_once_the_assistant_has_spoken() -> None:
    m = Machine()
    m.say("hi")
    m.client("response.create")
    m.model_says("Hello.")
    m.model_ends()
    voice = {"audio": {"output": {"voice": "marin"}}, "instructions": "lost"}
    error = refused(m, "session.update", session=voice)
    assert error["code"] == "cannot_update_voice"
    [updated] = m.update(audio={"output": {"voice": "alloy"}})
    assert updated["session"]["instructions"] != "lost"


def test_metadata_beyond_its_limits() -> None:
    m = Machine()
    error = refused(m, "response.create", response={"metadata": {str(i): "v" for i in range(17)}})
    assert error["param"] == "response.metadata"


def test_an_event_that_does_not_exist_names_those_that_do() -> None:
    error = refused(Machine(), "response.dance")
    assert (error["code"], error["param"]) == ("invalid_value", "type")
    assert "response.create" in error["message"]
