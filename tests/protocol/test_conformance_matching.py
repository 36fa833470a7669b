"""The matcher must refuse what a client would trip over: each refusal on a frame that is wrong in one way."""

from typing import Any

import pytest

from antiphon.conformance.cases import CaseError
from antiphon.conformance.expecting import Unexpected, parse
from antiphon.conformance.matching import Mismatch, match

PART = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
TURN: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "usage": None}},
    {"type": "response.content_part.added", **PART, "part": {"type": "text", "text": "", "audio": "@absent"}},
    {"@repeat": {"type": "response.output_text.delta", **PART, "delta": "@join:words"}},
    {"type": "response.output_text.done", **PART, "text": "@same:words"},
    {
        "type": "response.done",
        "response": {"id": "resp_1", "status": "completed", "usage": {"total_tokens": "@int>=0"}},
    },
]


def turn() -> list[dict[str, Any]]:
    return [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "usage": None}},
        {"type": "response.content_part.added", **PART, "part": {"type": "text", "text": ""}},
        {"type": "response.output_text.delta", **PART, "delta": "Hello, "},
        {"type": "response.output_text.delta", **PART, "delta": "world."},
        {"type": "response.output_text.done", **PART, "text": "Hello, world."},
        {
            "type": "response.done",
            "response": {"id": "resp_1", "status": "completed", "usage": {"total_tokens": 7}},
        },
    ]


def hold(expected: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    """Raises Unexpected or, for events that did not come, AssertionError."""
    expectation = parse(list(enumerate(expected, start=1)))
    bindings: dict[str, Any] = {}
    for event in events:
        expectation.take(event, bindings)
    assert expectation.satisfied, f"expected {expectation.next()}"


def test_it_takes_a_turn_as_it_should_be() -> None:
    hold(TURN, turn())


def test_a_missing_event_is_not_satisfied() -> None:
    with pytest.raises(AssertionError, match=r"response\.done"):
        hold(TURN, turn()[:-1])


@pytest.mark.parametrize("index", range(5))
def test_an_event_left_out_is_refused_at_the_next_one(index: int) -> None:
    events = turn()
    if index == 3:
        del events[2:4]  # a run may be shorter, but not empty
    else:
        del events[index]
    with pytest.raises(Unexpected):
        hold(TURN, events)


@pytest.mark.parametrize("index", [0, 1, 3, 4])
def test_two_events_in_the_wrong_order_are_refused(index: int) -> None:
    events = turn()
    events[index], events[index + 1] = events[index + 1], events[index]
    with pytest.raises(Unexpected):
        hold(TURN, events)


@pytest.mark.parametrize("index", range(7))
def test_an_extra_event_is_refused_wherever_it_comes(index: int) -> None:
    events = turn()
    events.insert(index, {"type": "conversation.created"})
    with pytest.raises(Unexpected):
        hold(TURN, events)


def test_an_event_that_comes_twice_is_refused() -> None:
    with pytest.raises(Unexpected):
        hold(TURN, [*turn(), turn()[-1]])


def test_deltas_that_do_not_join_to_the_whole_are_refused() -> None:
    events = turn()
    events[3]["delta"] = "worlds."
    with pytest.raises(Unexpected, match="line 4, at text"):
        hold(TURN, events)


@pytest.mark.parametrize(
    ("index", "change", "where"),
    [
        (2, {"item_id": "item_2"}, "at item_id"),
        (2, {"response_id": None}, "at response_id"),
        (2, {"output_index": "0"}, "at output_index"),
        (2, {"output_index": 0.0}, "at output_index"),
        (2, {"output_index": False}, "at output_index"),
        (2, {"delta": None}, "at delta"),
        (1, {"part": {"type": "output_text", "text": ""}}, "at part.type"),
        (1, {"part": {"type": "text", "text": None}}, "at part.text"),
        (1, {"part": {"type": "text"}}, "at part.text: is missing"),
        (1, {"part": {"type": "text", "text": "", "audio": None}}, "at part.audio: must be absent"),
        (1, {"part": []}, "at part: expected an object"),
        (
            5,
            {"response": {"id": "resp_1", "status": "completed", "usage": {"total_tokens": None}}},
            "total_tokens",
        ),
        (
            5,
            {"response": {"id": "resp_1", "status": "completed", "usage": {"total_tokens": 1.5}}},
            "total_tokens",
        ),
        (
            5,
            {"response": {"id": "resp_1", "status": "completed", "usage": {"total_tokens": -1}}},
            "total_tokens",
        ),
        (5, {"response": {"id": "resp_1", "status": "completed", "usage": None}}, "at response.usage"),
    ],
)
def test_a_frame_that_is_wrong_in_one_value_is_refused(
    index: int, change: dict[str, Any], where: str
) -> None:
    events = turn()
    events[index] |= change
    with pytest.raises(Unexpected, match=where):
        hold(TURN, events)


def test_keys_that_are_extensions_are_allowed() -> None:
    match({"type": "text"}, {"type": "text", "obfuscation": "x"}, {})


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        ("@any", [None, 1, {}], []),
        ("@string", ["", "x"], [None, 1]),
        ("@text", ["x"], ["", " ", None]),
        ("@bool", [True, False], [0, None]),
        ("@object", [{}], [None, []]),
        ("@list", [[]], [None, {}]),
        ("@base64", ["AAAA"], ["", "?", "AAA", None]),
        ("@int", [0, -3], [0.0, True, "1", None]),
        ("@int>=0<=10", [0, 10], [-1, 11]),
        ("@number>0", [0.5, 1], [0, -1, True, None]),
        (1, [1], [1.0, True, "1"]),
        (1.0, [1.0, 1], [True, 2]),
        (None, [None], [0, "", False]),
        ([1, "@int"], [[1, 2]], [[1], [1, 2, 3], [2, 2], None]),
        ({"@one_of": [None, "@text"]}, [None, "x"], ["", 1]),
        ({"@each": {"name": "@text"}}, [[{"name": "x"}]], [[], [{"name": ""}], None]),
        (
            {"@matches": "^Cancellation failed"},
            ["Cancellation failed: no"],
            ["No: Cancellation failed", None],
        ),
        ({"x": {"@one_of": ["@absent", None]}}, [{}, {"x": None}], [{"x": 1}]),
    ],
)
def test_a_matcher_takes_these_and_refuses_those(pattern: Any, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        match(pattern, value, {})
    for value in wrong:
        with pytest.raises(Mismatch):
            match(pattern, value, {})


def test_same_holds_over_events() -> None:
    expected = [{"type": "a", "id": "@same:x"}, {"type": "b", "id": "@same:x"}]
    hold(expected, [{"type": "a", "id": "1"}, {"type": "b", "id": "1"}])
    with pytest.raises(Unexpected, match="line 2, at id"):
        hold(expected, [{"type": "a", "id": "1"}, {"type": "b", "id": "2"}])


UNORDERED: list[dict[str, Any]] = [
    {"@unordered": [[{"type": "a"}, {"type": "b"}], {"type": "x"}]},
    {"type": "z"},
]


@pytest.mark.parametrize("kinds", ["abxz", "axbz", "xabz"])
def test_sequences_may_be_interleaved(kinds: str) -> None:
    hold(UNORDERED, [{"type": kind} for kind in kinds])


@pytest.mark.parametrize("kinds", ["baxz", "abz", "abxxz", "zabx", "xxabz", "axz"])
def test_interleaved_sequences_keep_their_own_order_and_number(kinds: str) -> None:
    with pytest.raises(Unexpected):
        hold(UNORDERED, [{"type": kind} for kind in kinds])


def test_a_run_of_two_kinds_needs_both() -> None:
    expected = [{"@repeat": [{"type": "a"}, {"type": "b"}]}, {"type": "z"}]
    hold(expected, [{"type": kind} for kind in "babz"])
    with pytest.raises(Unexpected):
        hold(expected, [{"type": kind} for kind in "aaz"])


def test_what_is_optional_may_be_left_out_but_not_come_twice() -> None:
    expected = [{"@optional": {"type": "a"}}, {"@repeat": {"type": "b"}, "@optional": True}, {"type": "z"}]
    for kinds in ("z", "az", "bz", "abbz"):
        hold(expected, [{"type": kind} for kind in kinds])
    with pytest.raises(Unexpected):
        hold(expected, [{"type": kind} for kind in "aaz"])


def test_a_matcher_that_does_not_exist_is_told() -> None:
    with pytest.raises(CaseError, match="@integer"):
        match("@integer", 1, {})
