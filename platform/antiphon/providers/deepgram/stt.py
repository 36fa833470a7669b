"""Deepgram's streaming recognisers: Nova (`/v1/listen`) and Flux (`/v2/listen`, models named `flux-...`).

The endpoint is `Endpoint("https://api.deepgram.com", key, key_header=TOKEN)`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.providers.base.endpoint import Parameter
from antiphon.providers.base.streaming_stt import (
    Complete,
    Failed,
    Frame,
    Heard,
    Opening,
    Piece,
    SocketStt,
    SttDialect,
    said_words,
)
from antiphon.providers.base.stt import SttConfig, TurnSignal

CLOSE: Frame = {"type": "CloseStream"}  # what was sent is still recognised, then the connection is closed
PAUSE_MS = 300  # of silence, after which Nova thinks that a turn may be over
GAP_MS = 1000  # without a word, after which it is sure; it takes no less
EAGER_THRESHOLD = (
    0.5  # confidence with which Flux says that a turn has probably ended; without it, it never does
)
MULTILINGUAL = ("nova-3", "nova-3-general", "nova-2", "nova-2-general")  # recognise the language themselves


class DeepgramStt(SocketStt):
    def dialect(self, config: SttConfig) -> SttDialect:
        flux = self.model.startswith("flux")
        return FluxDialect(self.model, config) if flux else NovaDialect(self.model, config)


class NovaDialect(SttDialect):
    """Final results are pieces; the interim ones in between are about the piece that comes next."""

    keepalive: Frame | None = {"type": "KeepAlive"}
    keepalive_every = 4.0  # after ten seconds without a word Deepgram closes the connection

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config
        self._finals = 0

    def opening(self) -> Opening:
        parameters: dict[str, Parameter] = {
            "model": self._model,
            "encoding": "linear16",
            "sample_rate": self.rate,
            "channels": 1,
            "interim_results": True,
            "smart_format": True,
            "no_delay": True,
            "endpointing": PAUSE_MS,
            "utterance_end_ms": GAP_MS,
        }
        if self._config.language:
            parameters["language"] = self._config.language
        elif self._model in MULTILINGUAL:
            parameters["language"] = "multi"
        if self._config.keywords:
            name = "keyterm" if self._model.startswith("nova-3") else "keywords"
            parameters[name] = list(self._config.keywords)
        return Opening("/v1/listen", parameters)

    def finish(self) -> Sequence[Frame]:
        """`Finalize` is answered soonest, but not if there is nothing left; the closing is always announced."""
        return {"type": "Finalize"}, CLOSE

    def leave(self) -> Sequence[Frame]:
        return (CLOSE,)

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"type": "Results", "channel": {"alternatives": [{"transcript": str(text)} as heard, *_]}}:
                yield Piece(self._finals, text, _language(heard), said_words(heard.get("words"), 1000))
                self._finals += bool(message.get("is_final"))
                if message.get("speech_final"):
                    yield TurnSignal("probably_ended")
                if message.get("from_finalize"):
                    yield Complete()
            case {"type": "UtteranceEnd"}:
                yield TurnSignal("ended")
            case {"type": "Metadata"}:
                yield Complete()
            case {"type": "Error"}:
                yield _failed(message)


class FluxDialect(SttDialect):
    """The transcript is cumulative within each of Flux's turns, and final when the connection is closed."""

    chunk_ms = 80  # what Deepgram recommends
    ends_by_closing = True

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config

    def opening(self) -> Opening:
        parameters: dict[str, Parameter] = {
            "model": self._model,
            "encoding": "linear16",
            "sample_rate": self.rate,
            "eager_eot_threshold": EAGER_THRESHOLD,
        }
        if self._config.keywords:
            parameters["keyterm"] = list(self._config.keywords)
        if self._config.language and self._model.endswith("multi"):
            parameters["language_hint"] = [self._config.language]
        return Opening("/v2/listen", parameters)

    def finish(self) -> Sequence[Frame]:
        """`ForceEndTurn` would end the turn without the audio that is not recognised yet."""
        return (CLOSE,)

    def leave(self) -> Sequence[Frame]:
        return (CLOSE,)

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"type": "TurnInfo", "turn_index": int(turn), "transcript": str(text)}:
                yield Piece(turn, text, _language(message))
                match message.get("event"):
                    case "EagerEndOfTurn":
                        yield TurnSignal("probably_ended")
                    case "TurnResumed":
                        yield TurnSignal("resumed")
                    case "EndOfTurn":
                        yield TurnSignal("ended")
            case {"type": "Error"}:
                yield _failed(message)


def _failed(message: dict[str, Any]) -> Failed:
    words = message.get("description") or message.get("message") or ""
    return Failed({"code": message.get("code"), "message": words})


def _language(heard: dict[str, Any]) -> str | None:
    """The language that was spoken most, where it was not given."""
    match heard:
        case {"languages": [str(language), *_]}:
            return language
    return None
