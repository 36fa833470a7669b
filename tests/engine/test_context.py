"""What of a long conversation the model still sees (protocol reference 3.3)."""

from typing import Any

import pytest

from antiphon.engine import effects as fx
from antiphon.engine.context import first_kept
from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.llm import LlmCapabilities
from tests.engine.machine_harness import Machine, types

LONG = "word " * 40  # about 50 tokens


def machine(context_tokens: int, **session: Any) -> Machine:
    m = Machine(capabilities=lambda name: LlmCapabilities(context_tokens=context_tokens))
    m.update(max_output_tokens=100, **session)
    return m


def seen(m: Machine) -> list[str]:
    m.client("response.create")
    return [message.text[:1] for message in m.last(fx.Generate).request.messages]


def say_all(m: Machine, letters: str) -> None:
    for letter in letters:
        m.say(letter + LONG)


def test_all_is_seen_while_it_fits() -> None:
    m = machine(1_000)
    say_all(m, "abcd")
    assert seen(m) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "truncation", ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}]
)
def test_an_answer_longer_than_the_model_can_take_may_begin_a_conversation(truncation: Any) -> None:
    m = machine(1_000, truncation=truncation)
    m.client("response.create", response={"max_output_tokens": 2**40})
    assert m.last(fx.Generate).request.messages == []


def test_the_oldest_are_left_out_when_it_does_not() -> None:
    m = machine(100 + 3 * 60)
    say_all(m, "abcd")
    assert seen(m) == ["b", "c", "d"]


def test_what_was_left_out_stays_out() -> None:
    m = machine(100 + 4 * 60, truncation={"type": "retention_ratio", "retention_ratio": 0.5})
    say_all(m, "abcde")
    assert seen(m) == ["d", "e"]
    m.model_writes("ok")
    m.model_ends()
    m.say("f" + LONG)
    assert seen(m) == ["d", "e", "o", "f"]


def test_the_conversation_alone_can_be_limited() -> None:
    limit = {"type": "retention_ratio", "retention_ratio": 1.0, "token_limits": {"post_instructions": 120}}
    m = machine(100_000, truncation=limit, instructions="x" * 4_000)
    say_all(m, "abcd")
    assert seen(m) == ["c", "d"]


def test_without_truncation_the_response_fails() -> None:
    m = machine(100 + 2 * 60, truncation="disabled")
    say_all(m, "abc")
    events = m.client("response.create")
    assert types(events) == ["response.created", "response.done", "rate_limits.updated"]
    error = events[1]["response"]["status_details"]["error"]
    assert error["code"] == "context_length_exceeded"


def test_a_result_whose_call_was_left_out_goes_with_it() -> None:
    m = machine(100 + 2 * 60)
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}" + " " * 200}
    m.client("conversation.item.create", item=call)
    m.client(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": ""}
    )
    say_all(m, "ab")
    assert seen(m) == ["a", "b"]


@pytest.mark.parametrize(
    ("sizes", "limit", "ratio", "first"),
    [
        ([], 10, 1.0, 0),
        ([5, 5], 10, 1.0, 0),
        ([5, 5, 5], 10, 1.0, 1),
        ([5, 5, 5], 14, 0.5, 2),
        ([5, 50], 10, 1.0, 1),  # the newest stays
        ([5, 5], 9, 0.0, 1),
    ],
)
def test_which_message_is_the_first_to_stay(sizes: list[int], limit: int, ratio: float, first: int) -> None:
    assert first_kept(sizes, limit, ratio) == first


def capabilities(name: str) -> LlmCapabilities:
    if name == "no/such":
        raise UnknownModel("There is no model 'no/such'. See /v1/models.")
    return LlmCapabilities()


def test_the_model_is_swapped_by_its_id_and_the_next_response_uses_it() -> None:
    m = Machine(capabilities=capabilities)
    [updated] = m.update(modelId="local/other")
    assert updated["session"]["model"] == "local/other"
    m.say("hello")
    m.client("response.create")
    assert m.last(fx.Generate).model == "local/other"


def test_a_model_that_does_not_exist_changes_nothing() -> None:
    m = Machine(capabilities=capabilities)
    [error] = m.update(modelId="no/such", instructions="not applied")
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_model", "session.model")
    [updated] = m.update()
    assert (updated["session"]["model"], updated["session"]["instructions"]) == ("local/test", "")
