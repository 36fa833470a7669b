"""How fast an answer falls silent when its listener starts to speak."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from antiphon.audio.pcm import size_of
from antiphon.audio.vad import Silero, VadService
from antiphon.engine.ids import Ids
from antiphon.engine.inputs import AudioFrame
from antiphon.engine.machine import Limits
from antiphon.engine.session import Host, RunningSession
from antiphon.protocol.client_events import ResponseCreate
from antiphon.protocol.server_events import InputAudioSpeechStarted
from antiphon.protocol.session import Session
from antiphon.providers.base.http import Wire
from antiphon.providers.local.speech import EveryPauseEnds
from antiphon.providers.local.weights import SILERO_VAD, Weights
from antiphon.providers.registry import Defaults, Engines, ModelRegistry
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from antiphon.transports.memory import MemoryTransport
from measuring.caller import calling, frames_of, server_vad
from measuring.platform import Platform
from measuring.speech import FRAME_BYTES, recordings, room
from measuring.table import Row, median

_TIMES = 10
_LONG = "one two three four five six seven eight nine ten " * 40
_LISTENS = 0.5  # seconds of the answer that are listened to


async def over_websocket(platform: Platform) -> list[Row]:
    """What still arrives once the platform has said that it hears speech, and how soon it says so."""
    after, noticed = [], []
    speech = frames_of(recordings()[0].from_onset().pcm)
    for number in range(_TIMES):
        async with calling(platform, server_vad(), phase=number / _TIMES) as caller:
            await caller.send({"type": "response.create"})
            await caller.wait_for("response.output_audio.delta")
            await asyncio.sleep(_LISTENS)
            onset = caller.say(speech)
            started = await caller.wait_for("input_audio_buffer.speech_started")
            await caller.wait_for("response.done")
            await asyncio.sleep(0.3)
            last = max(e.at for e in caller.events if e.type == "response.output_audio.delta")
            after.append(max(last - started.at, 0.0) * 1000)
            noticed.append((started.at - caller.sent_at(onset + 1)) * 1000)
    return [
        Row("barge-in over WebSocket: audio after speech_started, worst", max(after), "ms", 60),
        Row("  onset of speech to speech_started, median", median(noticed), "ms"),
    ]


class _Line(MemoryTransport):
    """Notes when the last frame of audio was played."""

    def __init__(self) -> None:
        super().__init__(paced=True)
        self.last_frame = 0.0

    def _play_frame(self) -> None:
        if self._waiting:
            self.last_frame = self._loop.time()
        super()._play_frame()


async def on_a_line(platform: Platform) -> list[Row]:
    """The same on the in-memory transport, which plays at the pace of a phone line."""
    service = VadService(Silero(Weights(None, Path()).file(SILERO_VAD)))
    try:
        after = [await _silenced(service) for _ in range(_TIMES)]
    finally:
        service.close()
    return [Row("barge-in on a line: last frame after the VAD decision, worst", max(after), "ms", 60)]


async def _silenced(service: VadService) -> float:
    """Milliseconds from the decision that somebody speaks to the last frame played."""
    loop, line = asyncio.get_running_loop(), _Line()
    decided: list[float] = []

    def observe(event: object, now: float) -> None:
        if isinstance(event, InputAudioSpeechStarted):
            decided.append(loop.time())

    session = Session(id="sess_bench", model="scripted/llm", expires_at=0)
    host = Host(_scripted(), service, EveryPauseEnds(), Limits(), (observe,))
    running = asyncio.create_task(RunningSession(session, line, host, Ids(random.Random(1))).run())
    line.put(ResponseCreate())
    await _until(lambda: line.last_frame > 0)
    await asyncio.sleep(_LISTENS)
    pcm = room(100) + recordings()[0].from_onset().pcm[: size_of(1000)]
    for start in range(0, len(pcm), FRAME_BYTES):
        line.put(AudioFrame(pcm[start : start + FRAME_BYTES]))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    line.hang_up()
    await running
    return max((line.last_frame - decided[0]) * 1000, 0.0)


def _scripted() -> ModelRegistry:
    return ModelRegistry(
        Wire(),
        Defaults("scripted/llm", "scripted/stt", "scripted/tts"),
        engines=Engines([ScriptedLlm(say(_LONG))], [ScriptedStt(Heard("stop"))], [ScriptedTts()]),
    )


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)
