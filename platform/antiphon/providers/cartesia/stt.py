"""Cartesia Ink: models that follow turns, and the older Whisper, which is told when to answer
(https://docs.cartesia.ai/api-reference/stt/turns/websocket and .../stt/stt)."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.providers.base.endpoint import Endpoint, Parameters
from antiphon.providers.base.http import Wire
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
from antiphon.providers.base.stt import SttCapabilities, SttConfig, TurnSignal

VERSION = "2025-04-16"
RATE = 16_000  # Hz, which Cartesia recommends
WHISPER = "ink-whisper"


class CartesiaStt(SocketStt):
    """`model` is such as `ink-2`, or `ink-whisper`, which knows more languages but nothing of turns. Unless it is
    told which, the language is English.

    The endpoint is `https://api.cartesia.ai`, with its key bare in the header `X-API-Key`.
    """

    def __init__(self, wire: Wire, endpoint: Endpoint, model: str, *, name: str) -> None:
        super().__init__(wire, endpoint, model, name=name)
        self._is_whisper = model.startswith(WHISPER)
        self.capabilities = SttCapabilities(streaming=True, turn_signals=not self._is_whisper)

    def dialect(self, config: SttConfig) -> SttDialect:
        return _Whisper(self.model, config) if self._is_whisper else _Turns(self.model, config)


class _Ink(SttDialect):
    rate = RATE
    chunk_ms = 100
    ends_by_closing = True

    path: str

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config

    def opening(self) -> Opening:
        return Opening(
            self.path,
            {"model": self._model, "encoding": "pcm_s16le", "sample_rate": RATE, **self.options()},
            headers={"Cartesia-Version": VERSION},
        )

    @abstractmethod
    def options(self) -> Parameters: ...


class _Turns(_Ink):
    """Transcripts are cumulative within a turn. After `close` all that is left is recognised; then the connection
    is closed."""

    path = "/stt/turns/websocket"

    def __init__(self, model: str, config: SttConfig) -> None:
        super().__init__(model, config)
        self._turn = 0

    def options(self) -> Parameters:
        return {"keyterm": list(self._config.keywords)} if self._config.keywords else {}

    def finish(self) -> Sequence[Frame]:
        return [{"type": "close"}]

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"transcript": str(text)} if text:
                yield Piece(self._turn, text)
        match message.get("type"):
            case "turn.eager_end":
                yield TurnSignal("probably_ended")
            case "turn.resume":
                yield TurnSignal("resumed")
            case "turn.end":
                self._turn += 1
                yield TurnSignal("ended")
            case "error":
                yield _failed(message)


class _Whisper(_Ink):
    """Each transcript is what was said since the last final one, spaces included: a word may be cut in two."""

    path = "/stt/websocket"
    separator = ""

    def __init__(self, model: str, config: SttConfig) -> None:
        super().__init__(model, config)
        self._finals = 0

    def options(self) -> Parameters:
        language = self._config.language
        return {"language": language.partition("-")[0]} if language else {}

    def finish(self) -> Sequence[Frame]:
        return ["finalize", "done"]

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"type": "transcript", "text": str(text)}:
                yield Piece(self._finals, text, message.get("language"))
                self._finals += bool(message.get("is_final"))
            case {"type": "done"}:
                yield Complete()
            case {"type": "error"}:
                yield _failed(message)


def _failed(message: dict[str, Any]) -> Failed:
    words = message.get("message") or message.get("error") or message.get("title")
    return Failed({"message": words, "code": message.get("status_code")})
