"""The reference of events says all there is, and is written anew whenever the Structs change."""

import inspect
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import decode_client_event
from antiphon.protocol.errors import Refused
from antiphon.protocol.reference import reference
from antiphon.protocol.samples import CLIENT_EVENTS, REFUSALS, SERVER_EVENTS
from antiphon.protocol.session import tag_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_committed_reference_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == reference(), "run:  python -m antiphon.protocol.reference > docs/events.md"


def test_it_tells_every_event_once_in_the_order_of_the_code() -> None:
    assert [sample["type"] for sample in CLIENT_EVENTS] == [
        str(kind.__struct_config__.tag) for kind in get_args(ClientEvent)
    ]
    sent = [
        kind
        for kind in vars(ev).values()
        if inspect.isclass(kind) and issubclass(kind, ev.ServerEvent) and kind.__struct_config__.tag
    ]
    assert [tag_of(sample) for sample in SERVER_EVENTS] == [str(kind.__struct_config__.tag) for kind in sent]


def test_it_tells_every_refusal() -> None:
    refusing = {
        function
        for function in vars(errors).values()
        if inspect.isfunction(function) and function.__annotations__["return"] is Refused
    }
    assert {refusal for refusal, _ in REFUSALS} == refusing - {errors.invalid_request}
    assert all(refusal.__doc__ for refusal, _ in REFUSALS)


@pytest.mark.parametrize("sample", CLIENT_EVENTS, ids=lambda sample: sample["type"])
def test_an_example_of_a_client_event_has_no_field_that_the_event_lacks(sample: dict[str, Any]) -> None:
    event = decode_client_event(msgspec.json.encode(sample).decode())
    assert_within(sample, msgspec.to_builtins(event))


def assert_within(given: Any, understood: Any) -> None:
    if isinstance(given, dict):
        for key, value in given.items():
            assert key in understood
            assert_within(value, understood[key])
    elif isinstance(given, list):
        for one, other in zip(given, understood, strict=True):
            assert_within(one, other)
    else:
        assert given == understood
