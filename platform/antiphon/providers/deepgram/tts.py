"""Deepgram's voices: Aura, which is told when to speak, and Flux, which speaks a turn.

The endpoint is `https://api.deepgram.com` with `KeyHeader(prefix="Token ")`. Neither names the response that a
message belongs to, and both may still send some of the last one after it was cancelled, so each response has a
connection of its own (https://developers.deepgram.com/docs/tts-websocket, .../docs/flux-tts/overview).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from antiphon.audio.pcm import SAMPLE_RATE
from antiphon.providers.base.contexts import Telling, chosen_speed, speak
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import Address, Finished, FlushDone, Message, Refused, Said
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice

AURA_SPEEDS = (0.7, 1.5)
FLUX_SPEEDS = (0.5, 1.5)
FLUX_STEP = 0.05  # of speeds

_SPEAK = "Speak"
_FLUSH: Message = {"type": "Flush"}


class DeepgramTts:
    """Deepgram's names of models say the voice (`aura-2-thalia-en`, `flux-haley-en`): without `voices`, `model`
    is what speaks, with them the voice that a session chooses among them."""

    capabilities = TtsCapabilities(speed=True)

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, voices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._model = model
        self._voices = voices

    def open(self, config: TtsConfig) -> TtsStream:
        model = chosen_voice(config, self._voices) if self._voices else self._model
        flux = model.startswith("flux-")
        parameters: dict[str, Any] = {
            "model": model,
            "encoding": "linear16",
            "sample_rate": SAMPLE_RATE,
        }
        speed = chosen_speed(config, *(FLUX_SPEEDS if flux else AURA_SPEEDS))
        if speed is not None:
            parameters["speed"] = round(round(speed / FLUX_STEP) * FLUX_STEP, 2) if flux else speed
        path, utterance = ("/v2/speak", _FluxTurn()) if flux else ("/v1/speak", _AuraText())
        address = Address(
            self._endpoint, path, read_flux if flux else read_aura, parameters, flush_ends=not flux
        )
        return speak(self._wire, address, utterance, speed)


class _AuraText:
    """Speaks what was flushed. A connection may flush 20 times a minute, so the first piece is, the second, the
    fourth, and so on: by then so much has been said that nobody waits for the next."""

    context = ""

    def __init__(self) -> None:
        self._pieces = 0
        self._flushed = True

    def say(self, text: str) -> Telling:
        self._pieces += 1
        self._flushed = self._pieces.bit_count() == 1
        speak: Message = {"type": _SPEAK, "text": text}
        return Telling((speak, _FLUSH) if self._flushed else (speak,), self._flushed)

    def end(self) -> Telling:
        return Telling(() if self._flushed else (_FLUSH,), not self._flushed)

    def cancel(self) -> Message:
        return {"type": "Clear"}


class _FluxTurn:
    """Speaks as text arrives; a flush ends the turn."""

    context = ""

    def say(self, text: str) -> Telling:
        return Telling(({"type": _SPEAK, "text": text},))

    def end(self) -> Telling:
        return Telling((_FLUSH,))

    def cancel(self) -> Message:
        return {"type": "Interrupt"}


class _Received(msgspec.Struct):
    type: str = ""
    code: int | str | None = None
    description: str | None = None
    err_msg: str | None = None
    message: Any = None


def read_aura(data: str | bytes) -> tuple[None, Sequence[Said]]:
    return _read(data, "Flushed", FlushDone())


def read_flux(data: str | bytes) -> tuple[None, Sequence[Said]]:
    return _read(data, "SpeechMetadata", Finished())


def _read(data: str | bytes, last: str, meaning: Said) -> tuple[None, Sequence[Said]]:
    if isinstance(data, bytes):
        return None, [data]
    received = msgspec.json.decode(data, type=_Received)
    if received.type.lower() == "error":
        message = received.description or received.err_msg or received.message or ""
        return None, [Refused({"message": message, "code": received.code})]
    return None, [meaning] if received.type == last else []
