"""Soniox' voices, in streams over one WebSocket.

The endpoint is `https://tts-rt.soniox.com` with `KeyHeader()` (bearer). A stream ends with `audio_end` and then
`terminated`; the second without the first is a failure (https://soniox.com/docs/tts/rt/termination).
"""

from collections.abc import Sequence
from uuid import uuid4

import msgspec
import pybase64

from antiphon.audio.pcm import SAMPLE_RATE
from antiphon.providers.base.contexts import Telling, chosen_speed, speak
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import Address, Characters, Finished, Message, Refused, Said
from antiphon.providers.base.narration import texts_and_spans
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice

STREAMS = 4  # of the five that one connection takes: one that has ended counts until it is terminated
SPEEDS = (0.7, 1.3)
LANGUAGE = "en"  # it must be told one


class SonioxTts:
    """`voices` are names; one that isn't among them becomes the first. Without any, every voice is passed on."""

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
        settings: Message = {
            "model": self._model,
            "language": config.language or LANGUAGE,
            "voice": chosen_voice(config, self._voices),
            "audio_format": "pcm_s16le",
            "sample_rate": SAMPLE_RATE,
            "return_timestamps": True,
        }
        speed = chosen_speed(config, *SPEEDS)
        if speed is not None:
            settings["speed"] = speed
        address = Address(
            self._endpoint, "/tts-websocket", read, contexts=STREAMS, keep_alive={"keep_alive": True}
        )
        return speak(self._wire, address, _Utterance(settings), speed)


class _Utterance:
    def __init__(self, settings: Message) -> None:
        self.context = uuid4().hex
        self._opening: Message | None = {**settings, "stream_id": self.context}

    def say(self, text: str) -> Telling:
        opening, self._opening = self._opening, None
        said = {"stream_id": self.context, "text": text}
        return Telling((opening, said) if opening else (said,))

    def end(self) -> Telling:
        return Telling(({"stream_id": self.context, "text_end": True},))

    def cancel(self) -> Message:
        return {"stream_id": self.context, "cancel": True}


class _Timestamps(msgspec.Struct):
    characters: list[str] = []
    character_start_times_seconds: list[float] = []
    character_end_times_seconds: list[float] = []


class _Received(msgspec.Struct):
    stream_id: str | None = None
    audio: str | None = None
    timestamps: _Timestamps | None = None
    audio_end: bool | None = None
    terminated: bool | None = None
    error_code: int | None = None
    error_message: str | None = None


def read(data: str | bytes) -> tuple[str | None, Sequence[Said]]:
    received = msgspec.json.decode(data, type=_Received)
    said: list[Said] = []
    if received.error_code is not None:
        refused = Refused({"message": received.error_message, "code": received.error_code})
        return received.stream_id, [refused]
    if times := received.timestamps:
        starts = times.character_start_times_seconds
        spans = zip(starts, times.character_end_times_seconds or starts, strict=False)
        said.append(Characters(texts_and_spans(times.characters, spans)))
    if received.audio:
        said.append(pybase64.b64decode(received.audio, validate=True))
    if received.audio_end:
        said.append(Finished())
    elif received.terminated:  # nobody is left to hear it if the audio has ended
        said.append(Refused("The stream was terminated before its audio ended."))
    return received.stream_id, said
