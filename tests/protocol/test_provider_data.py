"""`session.providerData`: merged, kept, checked, and all or nothing."""

from typing import Any

import pytest

from tests.engine.machine_harness import Event, Machine


def machine() -> Machine:
    return Machine()


def update(m: Machine, provider_data: Any, **session: Any) -> Event:
    [answer] = m.update(providerData=provider_data, **session)
    return answer


FULL: dict[str, Any] = {
    "stt": {
        "prompt": "Names: Ada.",
        "voice_profile": True,
        "language_hints": ["en", "de"],
        "end_of_turn_confidence_threshold": 0.4,
        "vad_threshold": 0.5,
        "min_end_of_turn_silence": 300,
        "max_turn_silence": 2000,
    },
    "tts": {
        "segmenter_strategy": "fast_start",
        "steering_handling": "emit_once",
        "language": "en-US",
        "delivery_mode": "BALANCED",
        "conversational": True,
        "user_turn_mode": "both",
        "timestamp_type": "WORD",
        "timestamp_transport_strategy": "ASYNC",
    },
    "memory": {
        "enabled": True,
        "turn_interval": 5,
        "max_memory_length": 4000,
        "max_transcript_items": 20,
        "max_facts": 30,
        "trim_after_summarize": True,
        "state": {
            "version": 3,
            "facts": ["Likes tea."],
            "summary": "They talked.",
            "context_text": "",
            "turns_since_gen": 1,
            "total_turns": 9,
            "items_trimmed": 0,
        },
    },
    "backchannel": {
        "enabled": False,
        "small_model": "",
        "eval_interval_ms": 800,
        "min_speech_ms": 800,
        "min_gap_ms": 4000,
        "max_per_turn": 3,
        "hard_deadline_ms": 1500,
        "history_tail_items": 4,
        "temperature": 0.7,
        "max_tokens": 6,
        "volume_gain": 0.6,
        "require_pause": False,
        "allowed_phrases": ["mhm"],
        "prompt_template": "",
        "decider_kind": "rule",
        "rule_fire_probability": 0.25,
    },
    "responsiveness": {
        "enabled": False,
        "small_model": "",
        "initial_wait_timeout_ms": 1200,
        "hard_deadline_ms": 2000,
        "history_tail_items": 4,
        "temperature": 0.7,
        "max_tokens": 12,
        "min_filler_gap_ms": 8000,
        "max_initial_per_turn": 1,
        "max_buffer_deltas": 8,
        "enable_filler_on_first_assistant_reply": False,
        "prompt_template": "",
        "pause_text": "",
    },
    "user_id": "user-7",
    "metadata": {"plan": "gold"},
    "antiphon": {"events": ["usage"]},
}


def test_every_known_key_is_taken_and_shown() -> None:
    assert update(machine(), FULL)["session"]["providerData"] == FULL


def test_it_is_absent_until_a_client_gives_some() -> None:
    assert "providerData" not in machine().events[0]["session"]


def test_updates_merge_object_into_object() -> None:
    m = machine()
    update(m, {"backchannel": {"enabled": True, "max_per_turn": 2}, "user_id": "user-7"})
    merged = update(m, {"backchannel": {"max_per_turn": 1}, "memory": {"enabled": True}})
    assert merged["session"]["providerData"] == {
        "backchannel": {"enabled": True, "max_per_turn": 1},
        "memory": {"enabled": True},
        "user_id": "user-7",
    }


def test_lists_are_replaced() -> None:
    m = machine()
    update(m, {"stt": {"language_hints": ["en", "de"]}})
    assert update(m, {"stt": {"language_hints": ["fr"]}})["session"]["providerData"] == {
        "stt": {"language_hints": ["fr"]}
    }


def test_null_clears_a_key_a_branch_and_all() -> None:
    m = machine()
    update(m, {"stt": {"prompt": "x", "vad_threshold": 0.5}, "memory": {"enabled": True}, "user_id": "u"})
    assert update(m, {"stt": {"prompt": None}, "memory": None})["session"]["providerData"] == {
        "stt": {"vad_threshold": 0.5},
        "user_id": "u",
    }
    assert "providerData" not in update(m, None)["session"]


def test_unknown_keys_are_kept_at_every_depth() -> None:
    unknown = {"caching": {"ttl": "5m"}, "stt": {"new_knob": [1, {"a": None}]}, "auto_tool_response": False}
    assert update(machine(), unknown)["session"]["providerData"] == unknown


def test_the_key_in_snake_case_is_ignored() -> None:
    [updated] = machine().update(provider_data={"backchannel": {"volume_gain": "loud"}})
    assert updated["type"] == "session.updated"
    assert not {"providerData", "provider_data"} & updated["session"].keys()


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({"backchannel": {"volume_gain": 1.5}}, "invalid_value", "backchannel.volume_gain"),
        ({"backchannel": {"volume_gain": "loud"}}, "invalid_type", "backchannel.volume_gain"),
        ({"backchannel": {"eval_interval_ms": 0}}, "invalid_value", "backchannel.eval_interval_ms"),
        ({"backchannel": {"decider_kind": "coin"}}, "invalid_value", "backchannel.decider_kind"),
        ({"backchannel": {"allowed_phrases": [1]}}, "invalid_type", "backchannel.allowed_phrases[0]"),
        ({"backchannel": True}, "invalid_type", "backchannel"),
        ({"responsiveness": {"temperature": -1}}, "invalid_value", "responsiveness.temperature"),
        ({"stt": {"vad_threshold": 2}}, "invalid_value", "stt.vad_threshold"),
        ({"stt": {"max_turn_silence": 1.5}}, "invalid_type", "stt.max_turn_silence"),
        ({"tts": {"delivery_mode": "LOUD"}}, "invalid_value", "tts.delivery_mode"),
        ({"memory": {"turn_interval": 0}}, "invalid_value", "memory.turn_interval"),
        ({"memory": {"state": {"facts": "tea"}}}, "invalid_type", "memory.state.facts"),
        ({"user_id": 7}, "invalid_type", "user_id"),
        ({"metadata": {"plan": 1}}, "invalid_type", "metadata[...]"),
        ({"antiphon": {"events": "usage"}}, "invalid_type", "antiphon.events"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_of_the_update_applies(
    data: dict[str, Any], code: str, path: str
) -> None:
    m = machine()
    error = update(m, {**data, "other": 1}, instructions="Lost.")["error"]
    assert (error["code"], error["param"]) == (code, f"session.providerData.{path}")
    session = update(m, {"user_id": "u"})["session"]
    assert session["providerData"] == {"user_id": "u"}
    assert session["instructions"] == ""


def test_data_nested_without_end_is_refused() -> None:
    m = machine()
    depth = 50_000
    frame = '{"type":"session.update","event_id":"mine","session":{"providerData":'
    [error] = m.frame(frame + '{"a":' * depth + "1" + "}" * depth + "}}")
    assert error["error"]["code"] == "invalid_json"
    assert update(m, {"user_id": "u"})["type"] == "session.updated"


@pytest.mark.parametrize("data", ["text", [1], 5])
def test_what_is_no_object_is_refused(data: Any) -> None:
    error = update(machine(), data)["error"]
    assert (error["code"], error["param"]) == ("invalid_type", "session.providerData")
