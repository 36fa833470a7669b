"""Cartesia's Sonic voices, in contexts over one WebSocket.

The endpoint is `https://api.cartesia.ai` with `KeyHeader("X-API-Key", "")`. Word times count from the beginning of
their context (https://docs.cartesia.ai/api-reference/tts/websocket).
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
import pybase64

from antiphon.audio.pcm import SAMPLE_RATE
from antiphon.providers.base.contexts import Telling, chosen_speed, speak
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import Address, Finished, FlushDone, Message, Refused, Said, Words
from antiphon.providers.base.narration import texts_and_spans
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice

VERSION = "2025-04-16"
CONTEXTS = 16  # of the "dozens" that one connection takes
SPEEDS = (0.6, 1.5)


class CartesiaTts:
    """`voices` are ids; one that isn't among them becomes the first. Without any, every voice is passed on."""

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, voices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.capabilities = TtsCapabilities(speed=model.startswith("sonic-3"), word_marks=True)
        self._wire = wire
        self._endpoint = endpoint
        self._model = model
        self._voices = voices

    def open(self, config: TtsConfig) -> TtsStream:
        settings: Message = {
            "model_id": self._model,
            "voice": {"mode": "id", "id": chosen_voice(config, self._voices)},
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE},
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,  # pieces are whole clauses: each is spoken at once
        }
        if config.language:
            settings["language"] = config.language
        speed = chosen_speed(config, *SPEEDS) if self.capabilities.speed else None
        if speed is not None:
            settings["generation_config"] = {"speed": speed}
        parameters = {"cartesia_version": VERSION}
        address = Address(self._endpoint, "/tts/websocket", read, parameters, contexts=CONTEXTS)
        return speak(self._wire, address, _Utterance(settings), speed)


class _Utterance:
    def __init__(self, settings: Message) -> None:
        self.context = uuid4().hex
        self._settings = {**settings, "context_id": self.context}

    def say(self, text: str) -> Telling:
        return Telling(({**self._settings, "transcript": text, "continue": True},), flushes=True)

    def end(self) -> Telling:
        return Telling(({**self._settings, "transcript": "", "continue": False},))

    def cancel(self) -> Message:
        return {"context_id": self.context, "cancel": True}


class _WordTimes(msgspec.Struct):
    words: list[str] = []
    start: list[float] = []
    end: list[float] = []


class _Received(msgspec.Struct):
    type: str = ""
    context_id: str | None = None
    data: str | None = None
    word_timestamps: _WordTimes | None = None
    done: bool | None = None
    status_code: int | None = None
    title: str | None = None
    message: str | None = None
    error: Any = None


def read(data: str | bytes) -> tuple[str | None, Sequence[Said]]:
    received = msgspec.json.decode(data, type=_Received)
    said: list[Said] = []
    if received.type == "error":
        message = received.message or received.title or str(received.error or "")
        return received.context_id, [Refused({"message": message, "code": received.status_code})]
    if times := received.word_timestamps:
        spans = zip(times.start, times.end, strict=False)
        said.append(Words(texts_and_spans(times.words, spans)))
    if received.data:
        said.append(pybase64.b64decode(received.data, validate=True))
    if received.type == "flush_done":
        said.append(FlushDone())
    if received.done:
        said.append(Finished())
    return received.context_id, said
