"""The unmodified `openai` package, given only a base URL and a key."""

import asyncio
import re
from pathlib import Path

import numpy as np
import openai
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.conformance.talker import Talker
from tests.platform_fixture import LONG_ANSWER, TOKEN_PACE, Platform


def test_a_text_turn_with_the_synchronous_client(platform: Platform) -> None:
    client = openai.OpenAI(base_url=platform.base_url, api_key=platform.api_key)
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is twelve times seven?"}],
            }
        )
        connection.response.create()
        text = ""
        for event in connection:
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type == "response.done":
                assert event.response.status == "completed"
                break
    assert "84" in text or "eighty-four" in text.lower()


async def test_a_text_turn_with_the_asynchronous_client(platform: Platform) -> None:
    async with Talker(platform, "local/dialogue") as talker:
        await talker.send.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await talker.say("Please repeat after me: the quick brown fox")
        done = await talker.wait_for("response.done")
        assert done.response.status == "completed"
        assert "the quick brown fox" in done.response.output[0].content[0].text.lower()
        assert talker.events[0].type == "session.created"


async def test_human_speech_is_understood_and_answered_aloud(
    platform: Platform, speech: dict[str, Path]
) -> None:
    heard: dict[str, str] = {}
    async with Talker(platform, "local/dialogue") as talker:
        await talker.send.session.update(
            session={
                "type": "realtime",
                "audio": {
                    "input": {
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
                    }
                },
            }
        )
        for turn, (words, file) in enumerate(speech.items(), start=1):
            await talker.play(file)
            await talker.wait_for("input_audio_buffer.speech_started", turn)
            await talker.wait_for("input_audio_buffer.speech_stopped", turn)
            committed = await talker.wait_for("input_audio_buffer.committed", turn)
            kind = "conversation.item.input_audio_transcription.completed"
            transcribed = await talker.wait_for(kind, turn)
            assert transcribed.item_id == committed.item_id
            heard[words] = transcribed.transcript
            done = await talker.wait_for("response.done", turn)
            assert done.response.status == "completed"
    assert word_error_rate(heard) <= 0.15, heard
    samples = np.frombuffer(talker.audio(), "<i2")
    assert len(samples) > 24_000 * len(speech), "each turn was answered with more than a second of audio"
    assert np.abs(samples.astype(np.int32)).mean() > 200, "which is not silence"


async def test_the_first_audio_leaves_long_before_the_text_is_complete(platform: Platform) -> None:
    async with Talker(platform, platform.paced_model) as talker:
        await talker.say("Go on.")
        created = await talker.wait_for("response.created")
        done = await talker.wait_for("response.done")
        assert done.response.output[0].content[0].transcript.strip() == LONG_ANSWER.strip()
        first_audio = talker.of("response.output_audio.delta")[0]
        writing = TOKEN_PACE * len(LONG_ANSWER.split())
        assert talker.at(done) - talker.at(created) >= writing
        assert talker.at(first_audio) - talker.at(created) < writing / 2


async def test_talking_over_a_long_answer_stops_it(platform: Platform, speech: dict[str, Path]) -> None:
    async with Talker(platform, "local/dialogue") as talker:
        await talker.say("Count to two hundred.")
        await talker.wait_for("response.output_audio.delta")
        await talker.play(next(iter(speech.values())), silence=0)
        done = await talker.wait_for("response.done")
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "turn_detected"
        await asyncio.sleep(2)
        response_id = done.response.id
        after = talker.events[talker.events.index(done) + 1 :]
        assert not [event for event in after if getattr(event, "response_id", None) == response_id]


async def test_a_wrong_key_is_told_in_band_and_is_final(platform: Platform) -> None:
    client = openai.AsyncOpenAI(base_url=platform.base_url, api_key="sk_wrong")
    async with client.realtime.connect(model="local/dialogue") as connection:
        event = await connection.recv()
        assert event.type == "error"
        assert event.error.code == "invalid_api_key"
        with pytest.raises(ConnectionClosedError) as closed:
            await connection.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        3000,
        "invalid_request_error.invalid_api_key",
    )


async def test_an_unknown_model_is_told_in_band_and_is_final(platform: Platform) -> None:
    client = openai.AsyncOpenAI(base_url=platform.base_url, api_key=platform.api_key)
    async with client.realtime.connect(model="groq/gpt-oss-120b") as connection:
        event = await connection.recv()
        assert event.type == "error"
        assert event.error.code == "invalid_model"
        assert "GROQ_API_KEY" in event.error.message
        with pytest.raises(ConnectionClosedError) as closed:
            await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000


def test_the_models_are_listed(platform: Platform) -> None:
    client = openai.OpenAI(base_url=platform.base_url, api_key=platform.api_key)
    assert {"local/dialogue", platform.paced_model} <= {model.id for model in client.models.list()}


def word_error_rate(heard: dict[str, str]) -> float:
    errors = words = 0
    for said, transcript in heard.items():
        reference = said.replace("mister", "mr").split()
        errors += _distance(reference, _words(transcript))
        words += len(reference)
    return errors / words


def _words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("-", " ").replace("mister", "mr")).split()


def _distance(one: list[str], other: list[str]) -> int:
    """Levenshtein's, over words."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, against in enumerate(other, start=1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (word != against))
            before, row[j] = row[j], cost
    return row[-1]
