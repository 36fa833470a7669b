"""Holds the beta dialect's frames against the `openai` package's types of the beta."""

import json
from typing import Any

import pydantic
from openai.types.beta.realtime import RealtimeServerEvent

from tests.openai_types import unknown_fields

OUR_OWN_FIELDS = frozenset(
    {
        # Paths that the package does not declare; the beta had those of the first group too.
        "session.object",
        "session.expires_at",
        "session.include",
        "session.prompt",
        "session.input_audio_noise_reduction",
        "session.input_audio_noise_reduction.strength",
        "session.turn_detection.idle_timeout_ms",
        "session.turn_detection.eagerness",
        "session.id",
        "name",  # of a function whose arguments are complete
        "response.usage.input_token_details.image_tokens",
        "response.usage.input_token_details.cached_tokens_details",
        "session.call_id",
        "session.resume_token",
        "session.providerData",
    }
)

_adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)


def check_beta_event(frame: str) -> None:
    """Raises AssertionError for a frame that the official client's types would refuse."""
    try:
        event = _adapter.validate_json(json.dumps(_exempted(json.loads(frame))), strict=True)
    except pydantic.ValidationError as error:
        raise AssertionError(f"The openai package refuses this event:\n{frame}\n{error}") from None
    unknown = set(unknown_fields(event)) - OUR_OWN_FIELDS
    assert not unknown, f"Fields that the openai package does not know: {sorted(unknown)}\n{frame}"
    assert event.event_id, f"No event_id: {frame}"


def _exempted(event: dict[str, Any]) -> dict[str, Any]:
    """The event without that in which the types are narrower than the protocol: they list OpenAI's models, want a
    client secret in every transcription session, and lack the event that tells of a new one."""
    session = event.get("session")
    if session is None:
        return event
    session = {**session, **({"model": "gpt-realtime"} if "model" in session else {})}
    if event["type"].startswith("transcription_session."):
        session["client_secret"] = {"value": "ek_1", "expires_at": 1}
        if session["input_audio_transcription"]:
            session["input_audio_transcription"] |= {"model": "whisper-1"}
        event = {**event, "type": "transcription_session.updated"}
    return {**event, "session": session}
