"""xAI speech to text (https://docs.x.ai/developers/rest-api-reference/inference/speech-to-text)."""

from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.providers.base.endpoint import Parameters
from antiphon.providers.base.streaming_stt import (
    Complete,
    Failed,
    Frame,
    Heard,
    Opening,
    Piece,
    Ready,
    SocketStt,
    SttDialect,
)
from antiphon.providers.base.stt import SttConfig, TurnSignal

SILENCE_MS = 200  # after which xAI considers whether the speaker has finished
SURE = 0.5  # how likely that has to be
LONGEST_SILENCE_MS = 5000  # the most that xAI takes: a long silence is for our own turn taking to judge
MOST_KEYTERMS = 100
LONGEST_KEYTERM = 50


class XaiStt(SocketStt):
    """xAI has one recogniser and is told no `model`.

    The endpoint is `https://api.x.ai/v1`, with its key as a bearer token.
    """

    def dialect(self, config: SttConfig) -> SttDialect:
        return _Xai(config)


class _Xai(SttDialect):
    """An utterance comes in segments; its end repeats all of it, better punctuated."""

    chunk_ms = 100
    waits_for_ready = True

    def __init__(self, config: SttConfig) -> None:
        self._config = config
        self._utterance = 0
        self._segments: list[str] = []  # of this utterance, that will not change

    def opening(self) -> Opening:
        language = self._config.language
        spoken: Parameters = {"language": language.partition("-")[0]} if language else {}
        keyterms = [word for word in self._config.keywords if len(word) <= LONGEST_KEYTERM]
        return Opening(
            "/stt",
            {
                "encoding": "pcm",
                "sample_rate": self.rate,
                "interim_results": True,
                "endpointing": SILENCE_MS,
                "smart_turn": SURE,
                "smart_turn_timeout": LONGEST_SILENCE_MS,
                "keyterm": keyterms[:MOST_KEYTERMS],
                **spoken,
            },
        )

    def finish(self) -> Sequence[Frame]:
        return [{"type": "audio.done"}]

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"type": "transcript.created"}:
                yield Ready()
            case {"type": "transcript.partial", "text": str(text), "speech_final": True}:
                yield from self._piece(text)
                self._utterance += 1
                self._segments.clear()
                yield TurnSignal("ended")
            case {"type": "transcript.partial", "text": str(text)}:
                yield from self._piece(" ".join([*self._segments, text]))
                if message.get("is_final"):
                    self._segments.append(text)
            case {"type": "transcript.done"}:  # with what no utterance has said
                yield from self._piece(message.get("text") or "")
                yield Complete()
            case {"type": "error"}:
                yield Failed({"message": message.get("message")})

    def _piece(self, text: str) -> Iterable[Heard]:
        if text:
            yield Piece(self._utterance, text)
