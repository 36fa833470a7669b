"""A whole session over the in-memory transport: scripted models, a detector that goes by loudness, virtual time."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import numpy as np

from antiphon.audio.pcm import to_float
from antiphon.engine.function_runs import NoFunctions
from antiphon.engine.ids import Ids
from antiphon.engine.inputs import AudioFrame
from antiphon.engine.machine import Limits
from antiphon.engine.ports import (
    VAD_WINDOW,
    LanguageModel,
    Meter,
    NoMeter,
    Observer,
    SpeechToText,
    TextToSpeech,
    Transport,
    UnknownModel,
    Unlimited,
)
from antiphon.engine.remote_calls import NoToolServers
from antiphon.engine.session import Host, RunningSession
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent, decode_client_event, encode_server_event
from antiphon.protocol.session import Session
from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.base.realtime import RealtimeModel
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from antiphon.transports.memory import MemoryTransport
from tests.openai_types import check_server_event

Event = dict[str, Any]
LOUD = (np.sin(np.arange(24_000) * 0.3) * 12_000).astype("<i2").tobytes()  # one second


class LoudnessDetector:
    """Speech is whatever is loud. Answers on the next turn of the loop, as a detector in a thread would."""

    def __init__(self) -> None:
        self.open_streams = 0

    def open(self, on_result: Callable[[Sequence[float]], None], on_error: Any) -> "LoudnessStream":
        self.open_streams += 1
        return LoudnessStream(self, on_result)


class LoudnessStream:
    def __init__(self, detector: LoudnessDetector, on_result: Callable[[Sequence[float]], None]) -> None:
        self._detector = detector
        self._on_result = on_result
        self._samples = np.empty(0, np.float32)
        self._closed = False

    def push(self, pcm: bytes) -> None:
        self._samples = np.concatenate((self._samples, to_float(pcm)))
        windows = len(self._samples) // VAD_WINDOW
        if windows:
            used = self._samples[: windows * VAD_WINDOW].reshape(windows, VAD_WINDOW)
            self._samples = self._samples[windows * VAD_WINDOW :]
            loud = [float(p) for p in np.abs(used).mean(axis=1) > 0.05]
            asyncio.get_running_loop().call_soon(self._deliver, loud)

    def _deliver(self, probabilities: Sequence[float]) -> None:
        if not self._closed:
            self._on_result(probabilities)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._detector.open_streams -= 1


class ScriptedEndOfTurn:
    def __init__(self, probability: float = 0.9) -> None:
        self.probability = probability
        self.scored: list[int] = []

    async def score(self, pcm: bytes) -> float:
        self.scored.append(len(pcm))
        await asyncio.sleep(0.05)
        return self.probability


class ScriptedModels:
    """`native` are models that speak themselves, by name; any other name is that of `llm`."""

    def __init__(
        self,
        llm: LanguageModel,
        stt: SpeechToText,
        tts: TextToSpeech,
        native: Mapping[str, RealtimeModel] = MappingProxyType({}),
    ) -> None:
        self.llm, self.stt, self.tts, self.native = llm, stt, tts, native

    def capabilities(self, name: str) -> LlmCapabilities:
        return (
            self.native[name].capabilities if name in self.native else self.language_model(name).capabilities
        )

    def realtime_model(self, name: str) -> RealtimeModel:
        return self.native[name]

    def language_model(self, name: str) -> LanguageModel:
        if name == "no/such":
            raise UnknownModel("There is no model 'no/such'.")
        return self.llm

    def speech_to_text(self, name: str | None) -> SpeechToText:
        return self.stt

    def text_to_speech(self, name: str | None) -> TextToSpeech:
        return self.tts


class Client:
    """The client's end of a session: what it sends, and every event it has received, checked."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport
        self.session: RunningSession
        self.events: list[Event] = []
        self.arrived: list[float] = []  # seconds, for each event
        self.closed = asyncio.Event()
        self._news = asyncio.Event()

    async def listen(self) -> None:
        async for event in self.transport.events():
            frame = encode_server_event(event)
            check_server_event(frame)
            self.events.append(json.loads(frame))
            self.arrived.append(asyncio.get_running_loop().time())
            self._news.set()
        self.closed.set()

    def send(self, kind: str, **fields: Any) -> None:
        self.transport.put(decode(json.dumps({"type": kind, **fields})))

    def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    async def speak(self, seconds: float, *, loud: bool = True) -> None:
        """At real-time pace, in frames of 20 ms."""
        for _ in range(round(seconds / 0.02)):
            self.transport.put(AudioFrame(LOUD[:960] if loud else bytes(960)))
            await asyncio.sleep(0.02)

    async def turn(self, seconds: float = 1.0) -> None:
        await self.speak(seconds)
        await self.speak(0.4, loud=False)

    async def wait_for(self, kind: str, count: int = 1) -> Event:
        while len(self.of(kind)) < count:
            self._news.clear()
            async with asyncio.timeout(600):
                await self._news.wait()
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def at(self, kind: str, index: int = 0) -> float:
        """When the event arrived, in seconds."""
        return self.arrived[self.events.index(self.of(kind)[index])]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


@asynccontextmanager
async def attached(session: RunningSession, transport: Any = None) -> AsyncIterator[Client]:
    """Another connection to the session. Leaving the block hangs it up."""
    client = Client(transport or MemoryTransport(paced=False))
    async with joined(client, session.attach(client.transport)):
        yield client


@asynccontextmanager
async def listening(session: RunningSession, transport: Any = None) -> AsyncIterator[Client]:
    """Somebody who listens in. Leaving the block hangs up."""
    client = Client(transport or MemoryTransport(paced=False))
    async with joined(client, session.listen_in(client.transport)):
        yield client


@asynccontextmanager
async def resumed(session: RunningSession, last_event_id: str) -> AsyncIterator[Client]:
    """The client again, on a new connection. Leaving the block hangs it up, which ends the session."""
    client = Client(MemoryTransport(paced=False))
    async with joined(client, session.resume(client.transport, last_event_id)):
        yield client


@asynccontextmanager
async def joined(client: Client, connection: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(client.listen())
        connected = group.create_task(connection)
        try:
            await client.wait_for("session.created")
            yield
        finally:
            client.transport.hang_up()
            await connected
            await listening


def decode(frame: str) -> ClientEvent | BadEvent:
    try:
        return decode_client_event(frame)
    except BadEvent as bad:
        return bad


class Stage:
    """Everything around a session, scripted."""

    def __init__(self, **given: Any) -> None:
        self.llm = given.get("llm") or ScriptedLlm(
            say("Hello there. How are you today?", first=0.3, pace=0.05)
        )
        self.stt = given.get("stt") or ScriptedStt(Heard("hi", delay=0.1))
        self.tts = given.get("tts") or ScriptedTts(ms_per_character=50)
        self.native = {model.name: model for model in given.get("native", ())}
        self.vad = LoudnessDetector()
        self.end_of_turn = ScriptedEndOfTurn()
        self.limits = given.get("limits") or Limits()
        self.first_message = given.get("first_message", "")
        self.model = given.get("model", "scripted/llm")
        self.resume_seconds = given.get("resume_seconds", 0.0)
        self.tool_servers = given.get("tool_servers") or NoToolServers()
        self.functions = given.get("functions") or NoFunctions()
        self.meter: Meter = NoMeter()
        self.allowance = given.get("allowance") or Unlimited()
        self.seen: list[object] = []
        self.observers: list[Observer] = [lambda event, now: self.seen.append(event)]

    @asynccontextmanager
    async def session(self, *, paced: bool = False, transport: Any = None) -> AsyncIterator[Client]:
        """Runs a session; leaving the block hangs up and waits for its end."""
        transport = transport or MemoryTransport(paced=paced)
        client = Client(transport)
        client.session = self.running(transport)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(client.listen())
            running = group.create_task(client.session.run())
            try:
                yield client
            finally:
                transport.hang_up()
                await running
                await listening
                assert self.vad.open_streams == 0, "a closed session leaves no detector stream behind"

    def running(self, transport: Transport) -> RunningSession:
        host = Host(
            models=ScriptedModels(self.llm, self.stt, self.tts, self.native),
            voice_activity=self.vad,
            end_of_turn=self.end_of_turn,
            limits=self.limits,
            first_message=self.first_message,
            observers=self.observers,
            resume_seconds=self.resume_seconds,
            tool_servers=self.tool_servers,
            functions=self.functions,
            meter=self.meter,
            allowance=self.allowance,
        )
        config = Session(id="sess_1", call_id="rtc_1", model=self.model, expires_at=3600)
        return RunningSession(config, transport, host, Ids(random.Random(1)))
