"""Inworld's voices, in contexts over one WebSocket.

The endpoint is `https://api.inworld.ai` with `KeyHeader(prefix="Basic ")`. Word times count from where the audio of
a flush begins
(https://docs.inworld.ai/api-reference/ttsAPI/texttospeech/synthesize-speech-websocket).
"""

from collections.abc import Mapping, Sequence
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

CONTEXTS = 5  # at the same time on one connection
SPEEDS = (0.5, 1.5)
LONGEST = 1000  # characters in a message

_NOT_FOUND = 5
_STATUS: Mapping[int, int] = {3: 400, 4: 504, _NOT_FOUND: 404, 7: 403, 8: 429, 14: 503, 16: 401}
"""HTTP's for gRPC's (https://grpc.io/docs/guides/status-codes/)."""


class InworldTts:
    """`voices` are ids; one that isn't among them becomes the first. Without any, every voice is passed on."""

    capabilities = TtsCapabilities(speed=True, word_marks=True)

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, voices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._model = model
        self._voices = voices

    def open(self, config: TtsConfig) -> TtsStream:
        audio: Message = {"audioEncoding": "LINEAR16", "sampleRateHertz": SAMPLE_RATE}
        speed = chosen_speed(config, *SPEEDS)
        if speed is not None:
            audio["speakingRate"] = speed
        settings: Message = {
            "voiceId": chosen_voice(config, self._voices),
            "modelId": self._model,
            "audioConfig": audio,
            "timestampType": "WORD",
            "timestampTransportStrategy": "ASYNC",  # audio does not wait for them
        }
        if config.language:
            settings["language"] = config.language
        address = Address(self._endpoint, "/tts/v1/voice:streamBidirectional", read, contexts=CONTEXTS)
        return speak(self._wire, address, _Utterance(settings), speed)


class _Utterance:
    def __init__(self, settings: Message) -> None:
        self.context = uuid4().hex
        self._create: Message | None = settings

    def say(self, text: str) -> Telling:
        messages: list[Message] = []
        if self._create is not None:
            messages.append(self._message(create=self._create))
            self._create = None
        for start in range(0, len(text), LONGEST):
            messages.append(self._message(send_text={"text": text[start : start + LONGEST]}))
        messages.append(self._message(flush_context={}))
        return Telling(tuple(messages), flushes=True)

    def end(self) -> Telling:
        return Telling((self._message(close_context={}),))

    def cancel(self) -> Message:
        return self._message(cancel_context={})

    def _message(self, **content: Message) -> Message:
        return {**content, "contextId": self.context}


class _WordAlignment(msgspec.Struct, rename="camel"):
    words: list[str] = []
    word_start_time_seconds: list[float] = []
    word_end_time_seconds: list[float] = []


class _TimestampInfo(msgspec.Struct, rename="camel"):
    word_alignment: _WordAlignment | None = None


class _AudioChunk(msgspec.Struct, rename="camel"):
    audio_content: str | None = None
    timestamp_info: _TimestampInfo | None = None


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Result(msgspec.Struct, rename="camel"):
    context_id: str | None = None
    audio_chunk: _AudioChunk | None = None
    flush_completed: Any = None
    context_closed: Any = None
    status: _Status | None = None


class _Received(msgspec.Struct):
    result: _Result | None = None
    error: _Status | None = None


def read(data: str | bytes) -> tuple[str | None, Sequence[Said]]:
    received = msgspec.json.decode(data, type=_Received)
    result = received.result or _Result()
    context = result.context_id
    said: list[Said] = []
    status = received.error or result.status
    if status is not None and status.code != 0:
        if context is None and status.code == _NOT_FOUND:  # it was cancelled as it ended
            return None, []
        return context, [Refused({"message": status.message, "code": _STATUS.get(status.code, 500)})]
    if chunk := result.audio_chunk:
        if chunk.timestamp_info and (words := chunk.timestamp_info.word_alignment):
            spans = zip(words.word_start_time_seconds, words.word_end_time_seconds, strict=False)
            said.append(Words(texts_and_spans(words.words, spans), origin="flush"))
        if chunk.audio_content:
            said.append(_samples(pybase64.b64decode(chunk.audio_content, validate=True)))
    if result.flush_completed is not None:
        said.append(FlushDone())
    if result.context_closed is not None:
        said.append(Finished())
    return context, said


def _samples(audio: bytes) -> bytes:
    """Without the WAV header that each chunk may have."""
    if not audio.startswith(b"RIFF"):
        return audio
    return audio[audio.index(b"data") + 8 :]
