"""How `session.update` changes a session: what is absent stays, null clears, objects merge."""

import json
from typing import Any

from antiphon.protocol.client_events import SessionUpdate
from antiphon.protocol.codec import decode_client_event
from antiphon.protocol.session import SemanticVad, ServerVad, Session, Transcription

BEFORE = Session(id="sess_1", model="local/dialogue", expires_at=1, instructions="Be kind.")


def merged(before: Session = BEFORE, **patch: Any) -> Session:
    event = decode_client_event(json.dumps({"type": "session.update", "session": patch}))
    assert isinstance(event, SessionUpdate)
    after: Session = event.session.onto(before)
    return after


def test_it_changes_what_is_given_and_keeps_the_rest() -> None:
    after = merged(audio={"output": {"speed": 1.25}})
    assert after.audio.output.speed == 1.25
    assert after.audio.output.voice == BEFORE.audio.output.voice
    assert after.instructions == "Be kind."


def test_empty_values_clear() -> None:
    full = merged(instructions="x", tools=[{"type": "function", "name": "weather"}])
    after = merged(full, instructions="", tools=[])
    assert (after.instructions, after.tools) == ("", [])


def test_null_turns_things_off() -> None:
    after = merged(audio={"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}})
    assert after.audio.input.turn_detection is None


def test_turn_detection_merges_within_its_type() -> None:
    first = merged(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.8}}})
    after = merged(first, audio={"input": {"turn_detection": {"silence_duration_ms": 700}}})
    assert after.audio.input.turn_detection == ServerVad(threshold=0.8, silence_duration_ms=700)


def test_another_type_of_turn_detection_starts_from_its_defaults() -> None:
    after = merged(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}})
    assert after.audio.input.turn_detection == SemanticVad(eagerness="low")


def test_transcription_can_be_switched_on_and_refined() -> None:
    on = merged(audio={"input": {"transcription": {"model": "whisper-1"}}})
    after = merged(on, audio={"input": {"transcription": {"language": "en"}}})
    assert after.audio.input.transcription == Transcription(model="whisper-1", language="en")


def test_both_modalities_mean_audio_which_has_its_transcript() -> None:
    assert merged(output_modalities=["audio", "text"]).output_modalities == ["audio"]
    assert merged(output_modalities=["text"]).output_modalities == ["text"]


def test_a_voice_given_as_an_object_is_shown_as_its_id() -> None:
    assert merged(audio={"output": {"voice": {"id": "voice_7"}}}).audio.output.voice == "voice_7"


def test_the_model_of_a_connection_stays_whatever_an_update_says() -> None:
    assert merged(model="gpt-realtime-2.1", type="realtime").model == "local/dialogue"
