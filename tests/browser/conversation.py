"""A conversation with a running platform, in which the user speaks into an answer, and what is left of it."""

import asyncio
import io
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.request import urlopen

import aiohttp
import numpy as np
import pybase64
import soundfile
import soxr
from numpy.typing import NDArray

from apps.keys.models import Scope
from tests.browser.furnished import Api
from tests.conformance.commands import manage
from tests.platform_fixture import Platform
from tests.recordings import sentence

RATE = 24_000
FRAME = RATE // 50
FIRST, SECOND = "0880", "0930"
LISTENS = 2.5  # seconds, to the answer, before the user speaks again
NEAR_MS = 50
Sound = NDArray[np.float32]


def speech(number: str) -> Sound:
    return soxr.resample(sentence(number).samples, 16_000, RATE).astype(np.float32)


@dataclass
class Conversation:
    """With a microphone that is always on, and a loudspeaker. Times are the clock's, in seconds."""

    session_id: str = ""
    said_at: dict[str, float] = field(default_factory=dict)
    answers: dict[str, bytearray] = field(default_factory=dict)
    began_at: dict[str, float] = field(default_factory=dict)  # when its first audio came
    cut_at: dict[str, float] = field(default_factory=dict)
    retrieved: dict[str, str] = field(default_factory=dict)
    _to_say: list[str] = field(default_factory=list)
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, platform: Platform, key: str, model: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(platform.socket(f"?model={model}"), max_msg_size=0) as socket,
            asyncio.timeout(90),
        ):
            speaking = asyncio.create_task(self._speak(socket))
            self._to_say.append(FIRST)
            async for message in socket:
                await self._hear(socket, json.loads(message.data))
                if self._done.is_set():
                    break
            speaking.cancel()

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """20 ms at a time, in time."""
        silence = np.zeros(FRAME, np.float32)
        waiting: list[Sound] = []
        began, sent = time.monotonic(), 0
        while True:
            if self._to_say and not waiting:
                number = self._to_say.pop()
                samples = speech(number)
                self.said_at[number] = time.time()
                waiting = [samples[at : at + FRAME] for at in range(0, len(samples), FRAME)]
            frame = waiting.pop(0) if waiting else silence
            pcm = (frame * 32_767).astype("<i2").tobytes()
            await socket.send_json(
                {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(pcm).decode()}
            )
            sent += 1
            await asyncio.sleep(max(began + sent * 0.02 - time.monotonic(), 0))

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.created":
                self.session_id = event["session"]["id"]
            case "response.output_audio.delta":
                item = event["item_id"]
                if item not in self.answers:
                    self.began_at[item] = time.time()
                    self.answers[item] = bytearray()
                    if len(self.answers) == 1:
                        asyncio.get_running_loop().call_later(LISTENS, self._to_say.append, SECOND)
                self.answers[item] += pybase64.b64decode(event["delta"])
            case "input_audio_buffer.speech_started":
                for item, began in self.began_at.items():
                    if item not in self.cut_at and time.time() < began + len(self.answers[item]) / 2 / RATE:
                        self.cut_at[item] = time.time()
            case "response.done" if self.cut_at and event["response"]["status"] == "completed":
                for item in self.answers:
                    await socket.send_json({"type": "conversation.item.retrieve", "item_id": item})
            case "conversation.item.retrieved":
                self.retrieved[event["item"]["id"]] = event["item"]["content"][0]["transcript"]
                if len(self.retrieved) == len(self.answers):
                    await asyncio.sleep(1)  # some of the second answer is heard
                    self._done.set()


@dataclass(frozen=True)
class Left:
    """What is left of a conversation."""

    talk: Conversation
    recording: dict[str, Any]
    entries: list[dict[str, Any]]
    sound: Sound
    peaks: dict[str, Any]
    ready_after: float  # seconds

    def ms(self, at: float) -> float:
        return (at - datetime.fromisoformat(self.recording["started_at"]).timestamp()) * 1000


def converse(platform: Platform) -> Left:
    """Once all that comes after it is done."""
    api, key = recording_agent(platform)
    talk = Conversation()
    asyncio.run(talk.hold(platform, key, "agent/recorded"))
    over = time.monotonic()
    while (recording := api.get(f"/sessions/{talk.session_id}/recording"))["state"] != "ready":
        assert time.monotonic() < over + 60, recording
        time.sleep(0.25)
    took = time.monotonic() - over
    with urlopen(recording["url"]) as file:
        sound, rate = soundfile.read(io.BytesIO(file.read()), dtype="float32")
    assert rate == RATE
    with urlopen(recording["peaks_url"]) as file:
        peaks = json.load(file)
    return Left(talk, recording, transcript(platform, talk.session_id), sound, peaks, took)


def recording_agent(platform: Platform) -> tuple[Api, str]:
    """An agent of the tenant `demo` that records, and takes its time to answer."""
    made = manage(
        platform.data_dir,
        *("create_api_key", "--tenant", "demo", "--name", "Recorded", "--scopes", *Scope.values),
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    api = Api(platform.base_url.removesuffix("/v1") + "/api/v1", key)
    api.post("/agents", slug="recorded", name="Recorded")
    draft = api.get("/agents/recorded")["draft"]
    draft["model"] = {"name": platform.paced_model}
    draft["prompt"] = {"instructions": "Be kind."}
    draft["privacy"]["record"] = True
    api.put("/agents/recorded/draft", spec=draft, revision=0)
    api.post("/agents/recorded/publish", notes="")
    return api, key


def transcript(platform: Platform, session_id: str) -> list[dict[str, Any]]:
    code = f"""
import json, sys
from apps.core.tenancy import across_tenants
from apps.transcripts.models import Transcript
with across_tenants(reason="a test"):
    sys.stdout.write(json.dumps(Transcript.objects.get(session__session_id={session_id!r}).entries))
"""
    done = manage(platform.data_dir, "shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def place_of(sound: Sound, channel: Sound) -> float:
    """Where it is in the channel, in ms: the maximum of their cross-correlation."""
    size = 1 << (len(sound) + len(channel)).bit_length()
    spectrum = np.fft.rfft(channel, size) * np.conj(np.fft.rfft(sound, size))
    return float(np.argmax(np.fft.irfft(spectrum, size)[: len(channel)])) / RATE * 1000


def samples_of(answer: bytearray) -> Sound:
    return np.frombuffer(bytes(answer), "<i2").astype(np.float32) / 32_768
