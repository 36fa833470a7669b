"""Holds events of the beta dialect against the types of the `openai` package, which know just OpenAI's models."""

import json
from typing import Any

import pydantic
from openai.types.beta.realtime import RealtimeServerEvent

from tests.openai_types import unknown_fields

A_MODEL_THE_TYPES_KNOW = "gpt-4o-realtime-preview"
OUR_OWN_FIELDS: frozenset[tuple[str, str]] = frozenset(
    {
        # (event type, path): what live servers sent, too
        ("session.created", "session.object"),
        ("session.created", "session.expires_at"),
        ("session.updated", "session.object"),
        ("session.updated", "session.expires_at"),
    }
)

_adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)


def check_beta_server_event(frame: str) -> None:
    """Raises AssertionError for a frame that the official beta client's types would refuse."""
    decoded = json.loads(frame)
    if "session" in decoded:
        assert isinstance(decoded["session"]["model"], str), f"A session names its model: {frame}"
        decoded["session"]["model"] = A_MODEL_THE_TYPES_KNOW
    try:
        event = _adapter.validate_json(json.dumps(decoded), strict=True)
    except pydantic.ValidationError as error:
        raise AssertionError(f"The openai package refuses this beta event:\n{frame}\n{error}") from None
    unknown = {(event.type, path) for path in unknown_fields(event)} - OUR_OWN_FIELDS
    assert not unknown, f"Fields that the openai package does not know: {sorted(unknown)}\n{frame}"
    assert event.event_id, f"No event_id: {frame}"
