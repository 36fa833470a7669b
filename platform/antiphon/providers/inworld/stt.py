"""Inworld speech to text, its own models and those that it passes on to
(https://docs.inworld.ai/api-reference/sttAPI/speechtotext/transcribe-stream-websocket)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pybase64

from antiphon.providers.base.streaming_stt import Failed, Frame, Heard, Opening, Piece, SocketStt, SttDialect
from antiphon.providers.base.stt import SttConfig, TurnSignal

RATE = 16_000  # Hz
STATUS: Mapping[int, int] = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 14: 503, 16: 401}  # of gRPC, over HTTP


class InworldStt(SocketStt):
    """`model` is such as `inworld-stt-1`, or `assemblyai/universal-streaming-multilingual` of another vendor.

    The endpoint is `https://api.inworld.ai`, with its key after `Basic `.
    """

    def dialect(self, config: SttConfig) -> SttDialect:
        model = self.model if "/" in self.model else f"inworld/{self.model}"
        return _Inworld(model, config)


class _Inworld(SttDialect):
    rate = RATE
    chunk_ms = 100
    ends_by_closing = True

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config
        self._turn = 0

    def opening(self) -> Opening:
        config: dict[str, Any] = {
            "modelId": self._model,
            "audioEncoding": "LINEAR16",
            "sampleRateHertz": RATE,
            "numberOfChannels": 1,
        }
        if self._config.language:
            config["language"] = self._config.language
        if self._config.keywords:
            config["prompts"] = list(self._config.keywords)
        return Opening("/stt/v1/transcribe:streamBidirectional", first=[{"transcribeConfig": config}])

    def audio(self, pcm: bytes) -> Frame:
        return {"audioChunk": {"content": pybase64.b64encode_as_string(pcm)}}

    def finish(self) -> Sequence[Frame]:
        return [{"endTurn": {}}, {"closeStream": {}}]

    def leave(self) -> Sequence[Frame]:
        return [{"closeStream": {}}]

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"result": {"transcription": dict(heard)}}:
                yield Piece(self._turn, heard.get("transcript") or "")
                if heard.get("isFinal"):  # without text, it ends a turn in which nothing was said
                    self._turn += 1
                    yield TurnSignal("ended")
            case {"error": {"code": int(code), "message": words}} | {"code": int(code), "message": words}:
                yield Failed({"message": words, "code": STATUS.get(code, 500)})
            case {"error": error}:
                yield Failed(error)
