"""ElevenLabs Scribe, in real time (https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pybase64

from antiphon.audio.pcm import BYTES_PER_SAMPLE
from antiphon.providers.base.endpoint import Parameters
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
from antiphon.providers.base.stt import SttCapabilities, SttConfig

RATE = 16_000  # Hz
SHORTEST_COMMIT_MS = 300  # a commit of less closes the connection
LONGEST_SEGMENT_MS = 60_000  # Scribe commits by itself when it waits for much longer
STATUS: Mapping[str, int] = {  # what each kind of error would be over HTTP
    "error": 500,
    "transcriber_error": 500,
    "input_error": 400,
    "chunk_size_exceeded": 400,
    "commit_throttled": 400,
    "auth_error": 401,
    "unaccepted_terms_error": 403,
    "quota_exceeded": 402,
    "insufficient_audio_activity": 408,
    "session_time_limit_exceeded": 408,
    "rate_limited": 429,
    "queue_overflow": 503,
    "resource_exhausted": 503,
}


class ElevenLabsStt(SocketStt):
    """`model` is such as `scribe_v2_realtime`.

    The endpoint is `https://api.elevenlabs.io/v1`, with its key bare in the header `xi-api-key`.
    """

    capabilities = SttCapabilities(streaming=True)

    def dialect(self, config: SttConfig) -> SttDialect:
        return _Scribe(self.model, config)


class _Scribe(SttDialect):
    """Nothing is final before we commit: at the end of the turn, and once a minute in a very long one."""

    rate = RATE

    def __init__(self, model: str, config: SttConfig) -> None:
        self._model = model
        self._language = config.language
        self._uncommitted = 0  # bytes
        self._owed = 0  # commits that were asked for and have not come
        self._finished = False
        self._segment = 0

    def opening(self) -> Opening:
        # A language with its region, such as en-US, is refused.
        language: Parameters = {"language_code": self._language.partition("-")[0]} if self._language else {}
        return Opening(
            "/speech-to-text/realtime",
            {
                "model_id": self._model,
                "audio_format": f"pcm_{RATE}",
                "commit_strategy": "manual",
                **language,
            },
        )

    def audio(self, pcm: bytes) -> Frame:
        self._uncommitted += len(pcm)
        return self._chunk(pcm, commit=self._uncommitted >= _size_of(LONGEST_SEGMENT_MS))

    def finish(self) -> Sequence[Frame]:
        self._finished = True
        missing = max(0, _size_of(SHORTEST_COMMIT_MS) - self._uncommitted)
        return [self._chunk(bytes(missing), commit=True)]

    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        match message:
            case {"message_type": "partial_transcript", "text": str(text)}:
                yield Piece(self._segment, text)
            case {"message_type": "committed_transcript", "text": str(text)}:
                # The same comes again as "committed_transcript_with_timestamps".
                yield Piece(self._segment, text, message.get("language_code"))
                self._segment += 1
                self._owed = max(0, self._owed - 1)
                if self._finished and not self._owed:
                    yield Complete()
            case {"message_type": str(kind)} if kind in STATUS:
                words = message.get("error") or message.get("message")
                yield Failed({"message": words, "code": STATUS[kind]})

    def _chunk(self, pcm: bytes, *, commit: bool) -> Frame:
        if commit:
            self._owed += 1
            self._uncommitted = 0
        return {
            "message_type": "input_audio_chunk",
            "audio_base_64": pybase64.b64encode_as_string(pcm),
            "commit": commit,
            "sample_rate": RATE,
        }


def _size_of(milliseconds: int) -> int:
    return RATE * milliseconds // 1000 * BYTES_PER_SAMPLE
