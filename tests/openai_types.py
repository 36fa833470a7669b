"""Holds server events against the types of the `openai` package: required fields, types, enums, nothing unknown."""

import re
from collections.abc import Iterator
from typing import Any

import pydantic
from openai.types.realtime import RealtimeServerEvent

OUR_OWN_FIELDS: frozenset[tuple[str, str]] = frozenset(
    {
        # (event type, path): fields that the package does not declare and clients ignore
        ("session.created", "session.id"),
        ("session.created", "session.object"),
        ("session.created", "session.expires_at"),
        ("session.updated", "session.id"),
        ("session.updated", "session.object"),
        ("session.updated", "session.expires_at"),
        ("session.updated", "session.audio.output.model"),  # the voice model, as Inworld's protocol has it
        ("session.created", "session.call_id"),
        ("session.updated", "session.call_id"),
        ("session.created", "session.resume_token"),
        ("session.updated", "session.resume_token"),
        ("session.created", "session.providerData"),
        ("session.updated", "session.providerData"),
        ("conversation.item.done", "item.error"),  # why a tool server's tools can't be listed
        ("conversation.item.retrieved", "item.error"),
        ("session.created", "session.temperature"),  # of the beta and Inworld, if a client sets it
        ("session.updated", "session.temperature"),
        ("response.created", "response.temperature"),
        ("response.done", "response.temperature"),
        ("response.done", "response.antiphon_usage"),  # only for clients that ask for it
    }
)

_OTHER_RATES = re.compile(r'("type":"audio/pcm","rate":)\d+')  # OpenAI has 24 kHz only

_adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)


def check_server_event(frame: str) -> None:
    """Raises AssertionError for a frame that the official client's types would refuse, except for events that a
    client gets only when it asks for them."""
    if frame.startswith('{"type":"antiphon.'):
        return
    try:
        event = _adapter.validate_json(_OTHER_RATES.sub(r"\g<1>24000", frame), strict=True)
    except pydantic.ValidationError as error:
        raise AssertionError(f"The openai package refuses this event:\n{frame}\n{error}") from None
    unknown = {(event.type, path) for path in unknown_fields(event)} - OUR_OWN_FIELDS
    assert not unknown, f"Fields that the openai package does not know: {sorted(unknown)}\n{frame}"
    assert event.event_id, f"No event_id: {frame}"


def unknown_fields(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}{name}"
        for name in type(value).model_fields:
            yield from unknown_fields(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for element in value:
            yield from unknown_fields(element, path)
