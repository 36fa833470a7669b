"""Inworld's dialect as its clients see it."""

import json
from typing import Any

import pytest

from antiphon.engine import effects as fx
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.dialects.inworld import INWORLD
from tests.engine.machine_harness import Event, Machine, types
from tests.openai_types import check_server_event


def check_inworld_event(frame: str) -> None:
    """Inworld's events are OpenAI's, but for PCM rates and a tool that only it has."""
    event = json.loads(frame)
    if session := event.get("session"):
        session["tools"] = [tool for tool in session["tools"] if tool["type"] != "web_search"]
        for side in session["audio"].values():
            side["format"].pop("rate", None)
    check_server_event(json.dumps(event))


def inworld_machine() -> Machine:
    return Machine(dialect=INWORLD, check=check_inworld_event, fixed_voice=False)


def update(m: Machine, **session: Any) -> Event:
    [answer] = m.client("session.update", session=session)
    return answer


def test_a_session_speaks_and_writes() -> None:
    assert inworld_machine().events[0]["session"]["output_modalities"] == ["audio", "text"]


def test_the_vendors_own_first_update_is_taken() -> None:
    session = update(
        inworld_machine(),
        type="realtime",
        modelId="local/other",
        instructions="Be brief.",
        output_modalities=["audio", "text"],
        audio={
            "input": {
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "medium",
                    "create_response": True,
                    "interrupt_response": True,
                }
            },
            "output": {"model": "inworld-tts-1.5-max", "voice": "Liam"},
        },
    )["session"]
    assert session["model"] == "local/other"
    assert session["output_modalities"] == ["audio", "text"]
    assert session["audio"]["output"]["model"] == "inworld-tts-1.5-max"
    assert session["audio"]["output"]["voice"] == "Liam"
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "medium",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize("key", ["model", "modelId"])
def test_the_model_changes_between_two_responses(key: str) -> None:
    m = inworld_machine()
    m.client("response.create")
    m.model_says("Hello!")
    m.model_ends()
    assert update(m, **{key: "local/other"})["session"]["model"] == "local/other"
    m.client("response.create")
    assert m.last(fx.Generate).model == "local/other"


def test_model_id_wins_over_model() -> None:
    session = update(inworld_machine(), model="local/one", modelId="local/two")["session"]
    assert session["model"] == "local/two"


def test_in_ga_only_model_id_changes_the_model() -> None:
    m = Machine(dialect=GA)
    assert update(m, type="realtime", model="local/other")["session"]["model"] == "local/test"
    assert update(m, type="realtime", modelId="local/other")["session"]["model"] == "local/other"


def test_the_voice_changes_after_the_assistant_has_spoken() -> None:
    m = inworld_machine()
    m.client("response.create")
    m.model_says("Hello!")
    m.model_ends()
    assert update(m, audio={"output": {"voice": "Sarah"}})["session"]["audio"]["output"]["voice"] == "Sarah"
    m.client("response.create")
    assert m.last(fx.Generate).speech.voice == "Sarah"


@pytest.mark.parametrize("modalities", [["audio", "text"], ["text", "audio"], ["audio"]])
def test_speech_comes_with_its_text(modalities: list[str]) -> None:
    m = inworld_machine()
    update(m, output_modalities=modalities)
    [created] = m.client("response.create")
    assert created["response"]["output_modalities"] == ["audio", "text"]
    events = m.model_says("Hello!") + m.model_ends()
    assert "response.output_audio.delta" in types(events)
    assert "response.output_audio_transcript.delta" in types(events)
    assert events[-2]["response"]["output_modalities"] == ["audio", "text"]


def test_text_alone_is_text_alone() -> None:
    m = inworld_machine()
    assert update(m, output_modalities=["text"])["session"]["output_modalities"] == ["text"]
    [created] = m.client("response.create")
    assert created["response"]["output_modalities"] == ["text"]


def test_the_temperature_reaches_the_model() -> None:
    m = inworld_machine()
    assert update(m, temperature=0.3)["session"]["temperature"] == 0.3
    m.client("response.create")
    assert m.last(fx.Generate).request.temperature == 0.3


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("pcm16", {"type": "audio/pcm", "rate": 24_000}),
        ("audio/pcm", {"type": "audio/pcm", "rate": 24_000}),
        ("g711_ulaw", {"type": "audio/pcmu"}),
        ("audio/pcma", {"type": "audio/pcma"}),
        ({"type": "audio/pcm", "rate": 16_000}, {"type": "audio/pcm", "rate": 16_000}),
        ({"type": "audio/pcm"}, {"type": "audio/pcm", "rate": 24_000}),
    ],
)
def test_formats_may_be_bare_strings_and_pcm_has_other_rates(given: Any, shown: dict[str, Any]) -> None:
    audio = update(inworld_machine(), audio={"input": {"format": given}, "output": {"format": given}})[
        "session"
    ]["audio"]
    assert (audio["input"]["format"], audio["output"]["format"]) == (shown, shown)


def test_a_response_may_name_its_voice_flat() -> None:
    [created] = inworld_machine().client("response.create", response={"voice": "Hades"})
    assert created["response"]["audio"]["output"]["voice"] == "Hades"


def test_the_transcription_model_is_echoed_as_it_was_asked_for() -> None:
    session = update(inworld_machine(), audio={"input": {"transcription": {"model": "soniox/stt-rt-v4"}}})[
        "session"
    ]
    assert session["audio"]["input"]["transcription"]["model"] == "soniox/stt-rt-v4"


def test_a_web_search_tool_is_kept_with_its_provider_data() -> None:
    tool = {"type": "web_search", "providerData": {"max_results": 3}}
    assert update(inworld_machine(), tools=[tool])["session"]["tools"] == [tool]
