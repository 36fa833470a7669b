"""The beta as its clients see it. Every frame that the machine sends is held against the beta's own types."""

import json
from typing import Any

import pytest

from antiphon.engine import effects as fx
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.dialects.beta import BETA
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.dialects.undeclared import Undeclared
from antiphon.protocol.session import FunctionChoice
from tests.engine.machine_harness import Event, Machine, types
from tests.openai_beta_types import check_beta_event

SPOKEN = [
    "response.output_item.added",
    "conversation.item.created",
    "response.content_part.added",
    "response.audio_transcript.delta",
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
WRITTEN = [
    "response.output_item.added",
    "conversation.item.created",
    "response.content_part.added",
    "response.text.delta",
    "response.text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def beta_machine() -> Machine:
    return Machine(dialect=BETA, check=check_beta_event)


def update(m: Machine, **session: Any) -> Event:
    """The answer to a `session.update` in the beta's shape."""
    [answer] = m.client("session.update", session=session)
    return answer


def test_a_session_is_shown_flat() -> None:
    [created] = beta_machine().events
    session = created["session"]
    assert created["type"] == "session.created"
    assert session["modalities"] == ["text", "audio"]
    assert (session["voice"], session["speed"]) == ("alloy", 1.0)
    assert (session["input_audio_format"], session["output_audio_format"]) == ("pcm16", "pcm16")
    assert session["turn_detection"]["type"] == "server_vad"
    assert session["input_audio_transcription"] is None
    assert session["tool_choice"] == "auto"
    assert session["max_response_output_tokens"] == "inf"
    assert session["temperature"] == 0.8
    assert not {"type", "audio", "output_modalities", "max_output_tokens", "truncation"} & session.keys()


def test_every_flat_key_is_taken_and_shown() -> None:
    settings = {
        "modalities": ["text"],
        "instructions": "Be brief.",
        "voice": "ash",
        "speed": 1.25,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "Names: Ada."},
        "input_audio_noise_reduction": {"type": "far_field"},
        "tools": [{"type": "function", "name": "weather", "description": "It.", "parameters": {}}],
        "tool_choice": "required",
        "temperature": 1.1,
        "max_response_output_tokens": 100,
        "tracing": "auto",
        "include": ["item.input_audio_transcription.logprobs"],
    }
    session = update(beta_machine(), **settings)["session"]
    assert {name: session[name] for name in settings} == settings


def test_turn_detection_is_merged_and_switched_off_at_its_flat_place() -> None:
    m = beta_machine()
    detection = update(m, turn_detection={"threshold": 0.7, "create_response": False})["session"][
        "turn_detection"
    ]
    assert (detection["threshold"], detection["silence_duration_ms"]) == (0.7, 200)
    assert detection["create_response"] is False
    semantic = update(m, turn_detection={"type": "semantic_vad", "eagerness": "low"})
    assert semantic["session"]["turn_detection"]["eagerness"] == "low"
    assert update(m, turn_detection=None)["session"]["turn_detection"] is None


def test_text_and_audio_together_mean_speech() -> None:
    m = beta_machine()
    update(m, modalities=["text", "audio"])
    m.client("response.create")
    assert m.last(fx.Generate).modality == "audio"
    assert m.of("response.created")[0]["response"]["modalities"] == ["text", "audio"]


def test_a_string_may_name_the_function_to_call() -> None:
    m = beta_machine()
    update(m, tools=[{"type": "function", "name": "weather"}])
    assert update(m, tool_choice="weather")["session"]["tool_choice"] == "weather"
    assert m.machine._state.session.tool_choice == FunctionChoice(name="weather")
    chosen = {"type": "function", "name": "weather"}
    assert update(m, tool_choice=chosen)["session"]["tool_choice"] == "weather"


def test_a_spoken_turn_has_the_betas_events() -> None:
    m = beta_machine()
    turn = m.speak_turn()
    assert types(turn) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "response.created",
    ]
    assert turn[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    m.transcribe()
    events = m.model_says("Hello!") + m.model_ends()
    assert types(events) == SPOKEN
    assert events[1]["previous_item_id"] == turn[3]["item"]["id"]
    item = events[-3]["item"]
    assert item["content"] == [{"type": "audio", "transcript": "Hello!"}]
    response = events[-2]["response"]
    assert response["output"] == [item]
    assert (response["voice"], response["output_audio_format"]) == ("alloy", "pcm16")
    assert (response["temperature"], response["max_output_tokens"]) == (0.8, "inf")
    assert response["usage"]["output_token_details"]["text_tokens"] == 5


def test_a_written_turn_has_the_betas_events() -> None:
    m = beta_machine()
    created = m.say("Hello")
    assert types(created) == ["conversation.item.created"]
    m.client("response.create", response={"modalities": ["text"], "temperature": 1.0})
    events = m.model_writes("Good day.") + m.model_ends()
    assert types(events) == WRITTEN
    response = events[-2]["response"]
    assert (response["modalities"], response["temperature"]) == (["text"], 1.0)
    assert response["output"][0]["content"] == [{"type": "text", "text": "Good day."}]
    assert m.last(fx.Generate).request.temperature == 1.0


def test_a_response_may_have_a_voice_a_format_and_a_limit_of_its_own() -> None:
    m = beta_machine()
    asked = {"voice": "ash", "output_audio_format": "g711_ulaw", "max_response_output_tokens": 50}
    [created] = m.client("response.create", response=asked)
    response = created["response"]
    assert (response["voice"], response["output_audio_format"]) == ("ash", "g711_ulaw")
    assert response["max_output_tokens"] == 50


def test_a_function_call_goes_both_ways() -> None:
    m = beta_machine()
    m.say("How is the weather?")
    m.client("response.create", response={"tools": [{"type": "function", "name": "weather"}]})
    events = m.model_calls("call_1", "weather", '{"city":', '"Rome"}') + m.model_ends("tool_calls")
    assert "conversation.item.created" in types(events)
    [done] = m.of("response.function_call_arguments.done")
    assert (done["call_id"], done["arguments"]) == ("call_1", '{"city":"Rome"}')
    [result] = m.client(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": "call_1", "output": "Sunny"},
    )
    assert result["type"] == "conversation.item.created"


def test_what_the_assistant_said_is_given_and_retrieved_as_text() -> None:
    m = beta_machine()
    content = [{"type": "text", "text": "I said so."}]
    item = {"id": "item_a", "type": "message", "role": "assistant", "content": content}
    [created] = m.client("conversation.item.create", item=item)
    assert created["item"]["content"] == content
    [retrieved] = m.client("conversation.item.retrieve", item_id="item_a")
    assert retrieved["item"]["content"] == content


def test_a_session_may_only_transcribe() -> None:
    m = beta_machine()
    settings = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
    }
    [updated] = m.client("transcription_session.update", session=settings)
    assert updated["type"] == "transcription_session.updated"
    session = updated["session"]
    assert session["object"] == "realtime.transcription_session"
    assert session["input_audio_format"] == "g711_ulaw"
    assert session["input_audio_transcription"]["language"] == "en"
    assert session["turn_detection"]["silence_duration_ms"] == 400
    assert "modalities" not in session


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"temperature": 0.5}, "invalid_value", "session.temperature"),
        ({"temperature": 1.3}, "invalid_value", "session.temperature"),
        ({"turn_detection": {"threshold": 2}}, "invalid_value", "session.turn_detection.threshold"),
        ({"input_audio_format": "mp3"}, "invalid_value", "session.input_audio_format"),
        ({"modalities": []}, "invalid_value", "session.modalities"),
        ({"voice": 7}, "invalid_type", "session.voice"),
        ({"max_response_output_tokens": 0}, "invalid_value", "session.max_response_output_tokens"),
    ],
)
def test_a_refusal_names_the_betas_own_path(session: dict[str, Any], code: str, param: str) -> None:
    error = update(beta_machine(), **session)["error"]
    assert (error["code"], error["param"]) == (code, param)


def test_a_refusal_of_the_session_itself_names_the_betas_path_too() -> None:
    m = beta_machine()
    m.say("Hello")
    m.client("response.create")
    m.model_says("Hello!")
    error = update(m, voice="ash")["error"]
    assert (error["code"], error["param"]) == ("cannot_update_voice", "session.voice")


def test_an_unknown_event_gets_the_list_of_the_betas_own() -> None:
    with pytest.raises(BadEvent) as caught:
        BETA.decode('{"type":"no.such.event"}')
    assert "'transcription_session.update'" in caught.value.refused.body.message


def test_what_is_given_in_gas_place_wins_over_a_flat_key() -> None:
    m = beta_machine()
    session = update(m, voice="ash", audio={"output": {"voice": "coral"}}, speed=1.5)["session"]
    assert (session["voice"], session["speed"]) == ("coral", 1.5)


# Clients that say nothing of a dialect when they connect


def test_ga_takes_flat_keys_and_answers_in_its_own_shape() -> None:
    m = Machine(dialect=GA)
    [updated] = m.client(
        "session.update", session={"type": "realtime", "voice": "ash", "turn_detection": None}
    )
    assert updated["session"]["audio"]["output"]["voice"] == "ash"
    assert updated["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "session.update", "session": {"voice": "ash"}},
        {"type": "session.update", "session": {"instructions": "x", "turn_detection": None}},
        {"type": "response.create", "response": {"modalities": ["text"]}},
        {"type": "transcription_session.update", "session": {}},
    ],
)
def test_flat_settings_give_a_beta_client_away(frame: dict[str, Any]) -> None:
    dialect = Undeclared()
    m = Machine(dialect=dialect, check=lambda frame: None)
    assert "audio" in m.events[0]["session"], "GA, for want of a sign"
    m.frame(json.dumps(frame))
    m.check = check_beta_event
    assert types(m.say("Hello")) == ["conversation.item.created"]


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "session.update", "session": {"type": "realtime", "voice": "ash"}},
        {"type": "session.update", "session": {"audio": {}, "turn_detection": None}},
        {"type": "response.create", "response": {"output_modalities": ["text"], "voice": "ash"}},
    ],
)
def test_ga_settings_settle_the_matter_for_good(frame: dict[str, Any]) -> None:
    m = Machine(dialect=Undeclared())
    m.frame(json.dumps(frame))
    m.client("session.update", session={"modalities": ["audio"]})
    assert types(m.say("Hello")) == ["conversation.item.added", "conversation.item.done"]


def test_settings_that_both_have_leave_it_open() -> None:
    m = Machine(dialect=Undeclared(), check=lambda frame: None)
    m.append(bytes(960))
    [updated] = m.client("session.update", session={"instructions": "Be brief."})
    assert "audio" in updated["session"]
    [updated] = m.client("session.update", session={"modalities": ["audio"]})
    assert updated["session"]["modalities"] == ["text", "audio"]
