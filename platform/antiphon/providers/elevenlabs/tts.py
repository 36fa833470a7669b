"""ElevenLabs' voices, over the WebSocket that speaks several contexts with one voice.

The endpoint is `https://api.elevenlabs.io/v1` with `KeyHeader("xi-api-key", "")`. Alignments are of characters, and
each counts from the beginning of its own message's audio
(https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input).
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import pybase64

from antiphon.providers.base.contexts import Telling, chosen_speed, speak
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import Address, Characters, Finished, Message, Refused, Said
from antiphon.providers.base.narration import Timing
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice

CONTEXTS = 5  # at the same time on one connection; more, and it is closed
SPEEDS = (0.7, 1.2)
INACTIVITY = 180  # seconds, the most that can be asked for


class ElevenLabsTts:
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
        parameters: dict[str, Any] = {
            "model_id": self._model,
            "output_format": "pcm_24000",
            "inactivity_timeout": INACTIVITY,
            "auto_mode": True,
            "sync_alignment": True,
        }
        if config.language and self._model.endswith("_v2_5"):  # the others refuse to be told
            parameters["language_code"] = config.language
        voice = quote(chosen_voice(config, self._voices), safe="")
        address = Address(
            self._endpoint,
            f"/text-to-speech/{voice}/multi-stream-input",
            read,
            parameters,
            contexts=CONTEXTS,
        )
        speed = chosen_speed(config, *SPEEDS)
        return speak(self._wire, address, _Utterance(speed), speed)


class _Utterance:
    def __init__(self, speed: float | None) -> None:
        self.context = uuid4().hex
        self._opening: Message | None = {"text": " ", "context_id": self.context}
        if speed is not None:
            self._opening["voice_settings"] = {"speed": speed}

    def say(self, text: str) -> Telling:
        opening, self._opening = self._opening, None
        spaced = text if text[-1].isspace() else f"{text} "
        said = {"text": spaced, "context_id": self.context, "flush": True}
        return Telling((opening, said) if opening else (said,))

    def end(self) -> Telling:
        return Telling(({"context_id": self.context, "flush": True}, self.cancel()))

    def cancel(self) -> Message:
        return {"context_id": self.context, "close_context": True}


class _Alignment(msgspec.Struct, rename="camel"):
    chars: list[str] = []
    char_start_times_ms: list[float] = []
    char_durations_ms: list[float] = []


class _Received(msgspec.Struct, rename="camel"):
    audio: str | None = None
    alignment: _Alignment | None = None
    normalized_alignment: _Alignment | None = None
    is_final: bool | None = None
    context_id: str | None = None
    snake_context_id: str | None = msgspec.field(default=None, name="context_id")
    error: Any = None
    message: str | None = None
    code: int | str | None = None


def read(data: str | bytes) -> tuple[str | None, Sequence[Said]]:
    received = msgspec.json.decode(data, type=_Received)
    said: list[Said] = []
    if received.error is not None:
        said.append(Refused({"message": received.message or str(received.error), "code": received.code}))
    if alignment := received.alignment or received.normalized_alignment:
        said.append(Characters(_timings(alignment), origin="message"))
    if received.audio:
        said.append(pybase64.b64decode(received.audio, validate=True))
    if received.is_final:
        said.append(Finished())
    return received.context_id or received.snake_context_id, said


def _timings(alignment: _Alignment) -> tuple[Timing, ...]:
    rows = zip(alignment.chars, alignment.char_start_times_ms, alignment.char_durations_ms, strict=False)
    return tuple(Timing(text, start, start + duration) for text, start, duration in rows)
