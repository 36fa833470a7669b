"""Soniox's streaming recognisers.

The endpoint is `Endpoint("https://stt-rt.soniox.com", key)`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.providers.base.streaming_stt import (
    Complete,
    Failed,
    Frame,
    Heard,
    Opening,
    Piece,
    SocketStt,
    SttDialect,
)
from antiphon.providers.base.stt import SttConfig, TurnSignal

END = "<end>"  # the token after a turn that is over
FINALIZED = "<fin>"  # the token that answers `finalize`


class SonioxStt(SocketStt):
    def dialect(self, config: SttConfig) -> SttDialect:
        return SonioxDialect(self.model, config)


class SonioxDialect(SttDialect):
    """Tokens with their own white space: final ones are sent once, the others again and again, as they change."""

    keepalive: Frame | None = {"type": "keepalive"}

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config
        self._final = ""
        self._language: str | None = None

    def opening(self) -> Opening:
        config = self._config
        request: dict[str, Any] = {
            "model": self._model,
            "audio_format": "pcm_s16le",
            "sample_rate": self.rate,
            "num_channels": 1,
            "enable_endpoint_detection": True,
        }
        if config.language:
            request["language_hints"] = [config.language]
        else:
            request["enable_language_identification"] = True
        context: dict[str, Any] = {}
        if config.prompt:
            context["text"] = config.prompt
        if config.keywords:
            context["terms"] = list(config.keywords)
        if context:
            request["context"] = context
        return Opening("/transcribe-websocket", first=[request])

    def finish(self) -> Sequence[Frame]:
        """The empty message closes the connection, after what was sent is recognised."""
        return {"type": "finalize"}, ""

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"error_code": code}:
                yield Failed({"code": code, "message": message.get("error_message")})
            case {"tokens": list(tokens)}:
                yield from self._read_tokens(tokens)
        if message.get("finished"):
            yield Complete()

    def _read_tokens(self, tokens: list[Any]) -> Iterable[Heard]:
        tentative = ""
        marks = []
        for token in tokens:
            match token:
                case {"text": "<end>" | "<fin>" as mark}:
                    marks.append(mark)
                case {"text": str(text), "is_final": True}:
                    self._final += text
                    self._language = self._language or token.get("language")
                case {"text": str(text)}:
                    tentative += text
        yield Piece(0, self._final + tentative, self._language)
        if END in marks:
            yield TurnSignal("ended")
        if FINALIZED in marks:
            yield Complete()
