"""An app that was written for Inworld, with nothing changed but the base URL and the key."""

import asyncio
import base64
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pybase64
import pytest
from websockets import ClientConnection, connect

from antiphon.audio.pcm import read_audio
from tests.openai_types import check_server_event
from tests.platform_fixture import Platform

PATH = "/api/v1/realtime/session"
QUERY = "?key=voice-1732291200000&protocol=realtime"
MICROPHONE_CHUNK = 4800  # bytes: 100 ms
PATIENCE = 60.0  # seconds to wait for any one event
Event = dict[str, Any]

SNIPPET: dict[str, Any] = {
    "type": "realtime",
    "modelId": "groq/gpt-oss-120b",
    "instructions": "You are a friendly assistant. Keep it short.",
    "output_modalities": ["audio", "text"],
    "audio": {
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
}


class App:
    """A page of the vendor's kind: `onmessage` plays deltas, a timer sends what the microphone hears."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._connecting = connect(url, additional_headers=headers, max_size=1 << 20)
        self._socket: ClientConnection
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        self._socket = await self._connecting
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def wait_for(self, kind: str) -> Event:
        """The next event of that type."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = str(await self._socket.recv())
                check_server_event(frame)
                event: Event = json.loads(frame)
                self.events.append(event)
                if event["type"] == kind:
                    return event
                assert event["type"] != "error", event

    async def update(self, **session: Any) -> Event:
        await self.send("session.update", session=session)
        return await self.wait_for("session.updated")

    async def microphone(self, pcm: bytes) -> None:
        begin = asyncio.get_running_loop().time()
        for index, start in enumerate(range(0, len(pcm), MICROPHONE_CHUNK)):
            chunk = pybase64.b64encode_as_string(pcm[start : start + MICROPHONE_CHUNK])
            await self.send("input_audio_buffer.append", audio=chunk)
            await asyncio.sleep(begin + (index + 1) * 0.1 - asyncio.get_running_loop().time())

    def played(self) -> bytes:
        deltas = [event for event in self.events if event["type"] == "response.output_audio.delta"]
        return b"".join(pybase64.b64decode(event["delta"]) for event in deltas)


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


async def test_the_vendors_own_snippet_holds_a_spoken_conversation(
    platform: Platform, speech: dict[str, Path]
) -> None:
    async with App(platform.socket(QUERY, PATH), basic(platform.api_key)) as app:
        created = (await app.wait_for("session.created"))["session"]
        del created["resume_token"]  # is told once
        await app.send("session.update", session=SNIPPET, event_id="first")
        refused = (await app.wait_for("error"))["error"]
        assert (refused["code"], refused["event_id"]) == ("invalid_model", "first")
        assert "GROQ_API_KEY" in refused["message"], "it says what to do"
        unchanged = (await app.update())["session"]
        assert unchanged == created, "nothing of the update was applied"

        updated = (await app.update(**{**SNIPPET, "modelId": "local/dialogue"}))["session"]
        assert updated["model"] == "local/dialogue"
        assert updated["output_modalities"] == ["audio", "text"]
        assert updated["audio"]["output"]["model"] == "inworld-tts-1.5-max"
        assert updated["audio"]["output"]["voice"] == "Liam"
        assert updated["audio"]["input"]["turn_detection"] == SNIPPET["audio"]["input"]["turn_detection"]

        recording = read_audio(next(iter(speech.values())))
        talking = asyncio.create_task(app.microphone(recording + bytes(3 * 48_000)))
        await app.wait_for("input_audio_buffer.speech_started")
        await app.wait_for("input_audio_buffer.speech_stopped")
        done = await app.wait_for("response.done")
        await talking
        assert done["response"]["status"] == "completed"
        said = done["response"]["output"][0]["content"][0]
        assert said["type"] == "output_audio"
        assert said["transcript"]
        assert len(app.played()) > 48_000, "more than a second of answer"


async def test_a_session_begins_with_the_tenants_model_and_inworlds_defaults(platform: Platform) -> None:
    async with App(platform.socket(QUERY, PATH), platform.headers) as app:
        session = (await app.wait_for("session.created"))["session"]
        assert session["model"] == "local/dialogue"
        assert session["output_modalities"] == ["audio", "text"]
        heard = session["audio"]["input"]
        assert (heard["turn_detection"]["type"], heard["transcription"]["model"]) == (
            "semantic_vad",
            "inworld/inworld-stt-1",
        )


async def test_model_and_voice_change_in_mid_session(platform: Platform) -> None:
    async with App(platform.socket(QUERY, PATH), platform.headers) as app:
        await app.wait_for("session.created")
        await app.send("response.create")
        await app.wait_for("response.done")
        session = (
            await app.update(
                model=platform.paced_model, audio={"output": {"voice": "Sarah"}}, temperature=0.5
            )
        )["session"]
        assert (session["model"], session["temperature"]) == (platform.paced_model, 0.5)
        assert session["audio"]["output"]["voice"] == "Sarah"
        routed = await app.update(model="inworld/latency-optimizer")
        assert routed["session"]["model"] == "inworld/latency-optimizer"
        await app.send("response.create")
        assert (await app.wait_for("response.done"))["response"]["status"] == "completed"


async def test_provider_data_is_merged_shown_and_refused_as_a_whole(platform: Platform) -> None:
    async with App(platform.socket(QUERY, PATH), platform.headers) as app:
        await app.wait_for("session.created")
        await app.update(providerData={"backchannel": {"enabled": True}, "novel": {"a": 1}})
        bad = {"backchannel": {"volume_gain": 7}, "user_id": "u"}
        await app.send("session.update", session={"providerData": bad, "instructions": "Lost."})
        error = (await app.wait_for("error"))["error"]
        assert (error["code"], error["param"]) == (
            "invalid_value",
            "session.providerData.backchannel.volume_gain",
        )
        session = (await app.update(providerData={"stt": {"voice_profile": True}}))["session"]
        assert session["providerData"] == {
            "backchannel": {"enabled": True},
            "novel": {"a": 1},
            "stt": {"voice_profile": True},
        }
        assert session["instructions"] != "Lost."


@pytest.mark.parametrize(
    "wrap",
    [
        lambda key: basic(key),
        lambda key: basic(f"{key}:"),
        lambda key: basic(f"{key}:secret"),
        lambda key: basic(f"key-id:{key}"),
        lambda key: {"Authorization": f"Basic {key}"},
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"Authorization": f"Bearer {base64.b64encode(key.encode()).decode()}"},
    ],
)
async def test_the_key_may_be_wrapped_in_each_way_of_inworlds(platform: Platform, wrap: Any) -> None:
    async with App(platform.socket(QUERY, PATH), wrap(platform.api_key)) as app:
        assert (await app.wait_for("session.created"))["session"]["output_modalities"] == ["audio", "text"]


async def test_a_browser_may_give_its_token_in_the_url(platform: Platform) -> None:
    async with App(platform.socket(f"?token={platform.api_key}"), {}) as app:
        assert (await app.wait_for("session.created"))["session"]["output_modalities"] == ["audio", "text"]


async def test_a_wrong_key_is_told_in_band(platform: Platform) -> None:
    async with App(platform.socket(QUERY, PATH), basic("wrong:key")) as app:
        assert (await app.wait_for("error"))["error"]["code"] == "invalid_api_key"
