"""The comparison that the survival test rests on finds each way in which it can come out."""

from typing import Any

import pytest

from tests.soak.told import Ending, Session, differences

RECORD = "sess_1:response:resp_1:0"
TOLD: dict[str, Any] = {
    "record": RECORD,
    "kind": "response",
    "model": "openai/gpt-6-sol",
    "unit": "output_text_token",
    "quantity": 2,
    "price_micro": 20,
    "estimated": False,
}
RECORDED = {**TOLD, "unpriced": False, "session": "sess_1", "response": "resp_1"}


def session(*told: dict[str, Any], ending: Ending = "hung up", text: str = "Good morning.") -> Session:
    """That was told so in its one response."""
    heard = Session("sess_1", port=1, ending=ending)
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    response = {"id": "resp_1", "status": "completed", "output": [item]}
    heard.hear({"type": "response.done", "response": {**response, "antiphon_usage": {"lines": list(told)}}})
    return heard


def test_it_works_what_was_told_is_what_was_recorded() -> None:
    assert not list(differences([session(TOLD)], [RECORDED]))


def test_an_unknown_price_is_recorded_as_none() -> None:
    unpriced = {**RECORDED, "unpriced": True, "price_micro": 0}
    assert not list(differences([session({**TOLD, "price_micro": None})], [unpriced]))


@pytest.mark.parametrize(
    ("told", "recorded", "found"),
    [
        ([TOLD], [], "told and never recorded"),
        ([TOLD], [RECORDED, RECORDED], "recorded 2 times"),
        ([TOLD, TOLD], [RECORDED], "told 2 times"),
        ([TOLD], [{**RECORDED, "price_micro": 21}], "told was"),
        ([TOLD], [{**RECORDED, "quantity": 3}], "told was"),
        ([], [RECORDED], "recorded and never told"),
    ],
)
def test_each_difference_is_found(
    told: list[dict[str, Any]], recorded: list[dict[str, Any]], found: str
) -> None:
    assert any(found in problem for problem in differences([session(*told)], recorded))


def test_who_was_not_there_need_not_have_heard_it() -> None:
    assert not list(differences([session(ending="lost")], [RECORDED]))


def test_the_words_that_were_said_are_counted_too() -> None:
    (problem,) = differences([session(TOLD, text="Good morning to you.")], [RECORDED])
    assert "had 4 words, recorded are 2 tokens" in problem
