"""AssemblyAI's streaming recognisers (Universal Streaming, version 3 of its protocol).

The endpoint is `Endpoint("https://streaming.assemblyai.com", key, key_header=BARE)`, or another of its regions.
Sessions are billed by how long they are open.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.audio import pcm as pcm16
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

SHORTEST_MS = 50  # of audio in a message; less ends the session
TERMINATE: Frame = {"type": "Terminate"}


class AssemblyAiStt(SocketStt):
    def dialect(self, config: SttConfig) -> SttDialect:
        return AssemblyAiDialect(self.model, config)


class AssemblyAiDialect(SttDialect):
    """Its turns are pieces: cumulative while they last, then final, then final again with punctuation."""

    chunk_ms = SHORTEST_MS
    bills_connection = True

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._config = config
        self._last_ended = -1

    def opening(self) -> Opening:
        config = self._config
        parameters: dict[str, Parameter] = {
            "speech_model": self._model,
            "encoding": "pcm_s16le",
            "sample_rate": self.rate,
        }
        if self._model.startswith("universal-streaming"):
            parameters["format_turns"] = True
            if self._model.endswith("multilingual"):
                parameters["language_detection"] = True
        else:  # Universal-3, which always formats
            if config.language:
                parameters["language_code"] = config.language
            if config.prompt:
                parameters["prompt"] = config.prompt
        if config.keywords:
            parameters["keyterms_prompt"] = json.dumps(config.keywords, ensure_ascii=False)
        return Opening("/v3/ws", parameters)

    def audio(self, pcm: bytes) -> Frame:
        return pcm.ljust(pcm16.size_of(SHORTEST_MS), b"\0")

    def finish(self) -> Sequence[Frame]:
        """Only the answer to `Terminate` says for certain that all was recognised: the end of a turn that comes
        after `ForceEndpoint` may be that of an earlier one."""
        return {"type": "ForceEndpoint"}, TERMINATE

    def leave(self) -> Sequence[Frame]:
        return (TERMINATE,)

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"type": "Turn", "turn_order": int(turn), "transcript": str(text), **rest}:
                ended = bool(rest.get("end_of_turn"))
                language = rest.get("language_code")
                yield Piece(
                    turn,
                    text if ended else _so_far(message),
                    language if isinstance(language, str) else None,
                    said_words(rest.get("words"), 1),
                )
                if ended and turn > self._last_ended:
                    self._last_ended = turn
                    yield TurnSignal("ended")
            case {"type": "Termination"}:
                yield Complete()
            case {"type": "Error"}:
                yield Failed({"code": message.get("error_code"), "message": message.get("error")})


def _so_far(turn: dict[str, Any]) -> str:
    """With the words that may still change, which `transcript` leaves out."""
    match turn:
        case {"words": [_, *_] as words}:
            return " ".join(word["text"] for word in words if isinstance(word, dict) and "text" in word)
    return str(turn["transcript"])
