"""The exact order of server events in each kind of turn (protocol reference 2.1)."""

from tests.engine.machine_harness import Machine, types

USER_TURN = [
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
OPENING = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
SPEECH_CLOSING = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def test_a_session_starts_with_session_created_and_an_update_is_answered_in_full():
    m = Machine()
    assert types(m.events) == ["session.created"]
    [updated] = m.update(
        instructions="Be brief.", audio={"input": {"turn_detection": {"silence_duration_ms": 400}}}
    )
    assert updated["type"] == "session.updated"
    assert updated["session"]["instructions"] == "Be brief."
    detection = updated["session"]["audio"]["input"]["turn_detection"]
    assert (detection["type"], detection["silence_duration_ms"], detection["threshold"]) == (
        "server_vad",
        400,
        0.5,
    )
    assert (detection["create_response"], detection["interrupt_response"]) == (True, True)


def test_a_turn_found_by_vad_is_committed_and_answered_in_speech():
    m = Machine()
    events = m.speak_turn()
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        *USER_TURN,
        "response.created",
    ]
    started, stopped, committed, added = events[:4]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"]
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    m.transcribe()
    events = m.model_says("Hello! ") + m.model_says("How are you?") + m.model_ends()
    assert types(events) == [
        *OPENING,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *SPEECH_CLOSING,
    ]
    assert events[1]["previous_item_id"] == committed["item_id"]
    assert events[2]["part"] == {"type": "audio", "transcript": ""}
    done = m.of("response.done")[0]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello! How are you?"}]
    assert done["usage"]["output_token_details"] == {"text_tokens": 5, "audio_tokens": 16}


def test_a_turn_committed_by_hand_is_answered_when_the_client_asks():
    m = Machine()
    m.manual()
    assert m.append(b"\x01\x00" * 4800) == []
    assert types(m.client("input_audio_buffer.commit")) == USER_TURN
    assert types(m.client("response.create")) == ["response.created"]
    m.transcribe()
    events = m.model_says("Yes.") + m.model_ends()
    assert types(events) == [
        *OPENING,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *SPEECH_CLOSING,
    ]


def test_a_text_turn():
    m = Machine()
    m.update(output_modalities=["text"])
    assert types(m.say("hi")) == ["conversation.item.added", "conversation.item.done"]
    assert types(m.client("response.create")) == ["response.created"]
    events = m.model_writes("Hel") + m.model_writes("lo.") + m.model_ends()
    assert types(events) == [
        *OPENING,
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert events[2]["part"] == {"type": "text", "text": ""}
    assert events[-2]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "Hello."}]


def test_talking_over_an_answer_cancels_it_and_nothing_of_it_follows():
    m = Machine()
    m.speak_turn()
    m.transcribe()
    m.model_says("One two three four. ", ms=2000)
    over = m.response_id
    events = m.hear(0.9, 0.9)
    assert types(events) == ["input_audio_buffer.speech_started", *SPEECH_CLOSING]
    done = events[-2]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_token_details"]["audio_tokens"] == 40
    assert m.model_says("five six. ") == []
    assert m.model_ends() == []
    assert m.response_id == over


def test_on_a_paced_transport_talking_over_also_clears_and_truncates_what_was_not_played():
    m = Machine(paced=True)
    m.speak_turn()
    m.transcribe()
    assert types(m.model_says("One two three four. ", ms=2000)) == [
        *OPENING,
        "response.output_audio_transcript.delta",
        "output_audio_buffer.started",
    ]
    m.played(500)
    events = m.hear(0.9, 0.9)
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
        *SPEECH_CLOSING,
    ]
    assert events[2]["audio_end_ms"] == 500


def test_on_a_paced_transport_the_buffer_stops_when_a_finished_response_was_played():
    m = Machine(paced=True)
    m.say("hi")
    m.client("response.create")
    m.model_says("Hello.", ms=300)
    m.model_ends()
    assert m.played(280) == []
    assert types(m.played(300)) == ["output_audio_buffer.stopped"]


def test_a_failed_model_fails_the_response_and_not_the_session():
    m = Machine()
    m.say("hi")
    m.client("response.create")
    events = m.model_breaks("rate_limit", "The provider asks to slow down.")
    assert types(events) == ["response.done", "rate_limits.updated"]
    done = events[0]["response"]
    assert (done["status"], done["output"]) == ("failed", [])
    assert done["status_details"] == {
        "type": "failed",
        "error": {
            "type": "server_error",
            "code": "inference_rate_limit_exceeded",
            "message": "The provider asks to slow down.",
        },
    }
    assert types(m.client("response.create")) == ["response.created"]


def test_a_response_that_runs_out_of_tokens_is_incomplete():
    m = Machine()
    m.update(output_modalities=["text"], max_output_tokens=5)
    m.say("hi")
    m.client("response.create")
    m.model_writes("Once upon a")
    done = next(e for e in m.model_ends("length") if e["type"] == "response.done")["response"]
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["status"] == "incomplete"


def test_a_function_call_follows_the_words_before_it():
    m = Machine()
    m.say("weather?")
    m.client("response.create")
    m.model_says("Let me see.")
    events = m.model_calls("call_1", "weather", '{"city":', '"Rome"}') + m.model_ends("tool_calls")
    assert types(events) == [
        *SPEECH_CLOSING[:5],
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert events[5]["item"]["status"] == "in_progress"
    call = events[-2]["response"]["output"][1]
    assert (call["name"], call["arguments"], call["status"]) == ("weather", '{"city":"Rome"}', "completed")


def test_the_session_expires():
    m = Machine()
    events = m.expire()
    assert types(events) == ["error"]
    assert events[0]["error"]["code"] == "session_expired"
    assert "60 minutes" in events[0]["error"]["message"]
    assert m.farewell == (1001, "session_expired")
