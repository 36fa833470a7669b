"""The beta client of the unmodified `openai` package; every frame it receives is held against the beta's types."""

import json
from pathlib import Path

import numpy as np
from openai import AsyncOpenAI

from tests.conformance.talker import Talker
from tests.openai_beta_types import check_beta_event
from tests.platform_fixture import Platform

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class BetaTalker(Talker):
    audio_delta = "response.audio.delta"
    check = staticmethod(check_beta_event)

    def __init__(self, platform: Platform, model: str = "gpt-4o-realtime-preview") -> None:
        super().__init__(platform, model)
        client = AsyncOpenAI(
            base_url=platform.base_url,
            websocket_base_url=platform.base_url.replace("http://", "ws://"),
            api_key=platform.api_key,
        )
        self._manager = client.beta.realtime.connect(model=model)


async def test_a_text_turn(platform: Platform) -> None:
    async with BetaTalker(platform) as talker:
        created = await talker.wait_for("session.created")
        assert created.session.modalities == ["text", "audio"]
        await talker.send.session.update(session={"modalities": ["text"], "temperature": 0.9})
        updated = await talker.wait_for("session.updated")
        assert (updated.session.modalities, updated.session.temperature) == (["text"], 0.9)
        await talker.say("Please repeat after me: the quick brown fox")
        done = await talker.wait_for("response.done")
        assert done.response.status == "completed"
        assert "the quick brown fox" in done.response.output[0].content[0].text.lower()
        text = "".join(event.delta for event in talker.of("response.text.delta"))
        assert text == done.response.output[0].content[0].text
        assert len(talker.of("conversation.item.created")) == 2


async def test_human_speech_is_understood_and_answered_aloud(
    platform: Platform, speech: dict[str, Path]
) -> None:
    async with BetaTalker(platform) as talker:
        await talker.send.session.update(
            session={
                "voice": "alloy",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
            }
        )
        await talker.play(next(iter(speech.values())))
        committed = await talker.wait_for("input_audio_buffer.committed")
        kind = "conversation.item.input_audio_transcription.completed"
        transcribed = await talker.wait_for(kind)
        assert transcribed.item_id == committed.item_id
        assert transcribed.transcript
        done = await talker.wait_for("response.done")
        assert done.response.status == "completed"
        assert done.response.output[0].content[0].type == "audio"
        assert done.response.output[0].content[0].transcript
    samples = np.frombuffer(talker.audio(), "<i2")
    assert len(samples) > 24_000
    assert np.abs(samples.astype(np.int32)).mean() > 200


async def test_a_function_is_called_and_its_result_spoken_of(platform: Platform) -> None:
    async with BetaTalker(platform) as talker:
        await talker.send.session.update(session={"modalities": ["text"], "tools": [WEATHER]})
        await talker.say("What is the weather in Lisbon?")
        called = await talker.wait_for("response.function_call_arguments.done")
        assert json.loads(called.arguments) == {"city": "Lisbon"}
        done = await talker.wait_for("response.done")
        assert (done.response.output[0].type, done.response.output[0].name) == (
            "function_call",
            "get_weather",
        )
        await talker.send.conversation.item.create(
            item={
                "type": "function_call_output",
                "call_id": called.call_id,
                "output": '{"temperature_c": 21, "condition": "sunny"}',
            }
        )
        await talker.send.response.create()
        answered = await talker.wait_for("response.done", 2)
        assert "sunny" in answered.response.output[0].content[0].text.lower()


async def test_a_session_only_transcribes(platform: Platform, speech: dict[str, Path]) -> None:
    async with BetaTalker(platform) as talker:
        await talker.wait_for("session.created")
        await talker.send.transcription_session.update(
            session={
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
            }
        )
        await talker.wait_for("transcription_session.updated")
        await talker.play(next(iter(speech.values())))
        kind = "conversation.item.input_audio_transcription.completed"
        assert (await talker.wait_for(kind)).transcript
        assert not talker.of("response.created")


async def test_a_refusal_names_the_betas_own_path(platform: Platform) -> None:
    async with BetaTalker(platform) as talker:
        await talker.send.session.update(session={"turn_detection": {"threshold": 2}})
        error = (await talker.wait_for("error")).error
        assert (error.code, error.param) == ("invalid_value", "session.turn_detection.threshold")
