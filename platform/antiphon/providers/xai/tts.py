"""xAI's voices over a WebSocket for each response.

The endpoint is `https://api.x.ai/v1` with `KeyHeader()` (bearer). xAI has one model for speech, which the wire does
not name. Closing the connection cancels. Character times count from the beginning of the response.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pybase64

from antiphon.audio.pcm import SAMPLE_RATE
from antiphon.providers.base.contexts import Telling, chosen_speed, speak
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import Address, Characters, FlushDone, Refused, Said
from antiphon.providers.base.narration import texts_and_spans
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice

SPEEDS = (0.7, 1.5)


class XaiTts:
    """`voices` are names; one that isn't among them becomes the first. Without any, every voice is passed on."""

    capabilities = TtsCapabilities(speed=True, word_marks=True)

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, voices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._voices = voices

    def open(self, config: TtsConfig) -> TtsStream:
        parameters: dict[str, Any] = {
            "voice": chosen_voice(config, self._voices),
            "language": config.language or "auto",
            "codec": "pcm",
            "sample_rate": SAMPLE_RATE,
            "with_timestamps": True,
        }
        speed = chosen_speed(config, *SPEEDS)
        if speed is not None:
            parameters["speed"] = speed
        address = Address(self._endpoint, "/tts", read, parameters, flush_ends=True)
        return speak(self._wire, address, _Utterance(), speed)


class _Utterance:
    context = ""

    def say(self, text: str) -> Telling:
        return Telling(({"type": "text.delta", "delta": text},))

    def end(self) -> Telling:
        return Telling(({"type": "text.done"},), flushes=True)

    def cancel(self) -> None:
        return None


class _Timestamps(msgspec.Struct):
    graph_chars: list[str] = []
    graph_times: list[tuple[float, float]] = []


class _Received(msgspec.Struct):
    type: str = ""
    delta: str | None = None
    audio_timestamps: _Timestamps | None = None
    message: str | None = None
    error: Any = None
    code: int | str | None = None


def read(data: str | bytes) -> tuple[None, Sequence[Said]]:
    received = msgspec.json.decode(data, type=_Received)
    said: list[Said] = []
    match received.type:
        case "audio.delta":
            if times := received.audio_timestamps:
                said.append(Characters(texts_and_spans(times.graph_chars, times.graph_times)))
            if received.delta:
                said.append(pybase64.b64decode(received.delta, validate=True))
        case "audio.done":
            said.append(FlushDone())
        case "error":
            refused = received.message or received.error or ""
            said.append(Refused({"message": refused, "code": received.code}))
    return None, said
