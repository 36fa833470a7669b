"""A response's speech, cut into the deltas that leave."""

from collections.abc import Iterator

from antiphon.audio.formats import Encoder, Format
from antiphon.audio.pcm import BYTES_PER_SAMPLE, size_of
from antiphon.engine.inputs import SpeechAudio

_FIRST = size_of(100)  # so that playing can begin
_SIZE = size_of(200)


class Deltas:
    """Takes PCM16 at 24 kHz in pieces of any size, gives it in the response's format, in pieces of a good one."""

    def __init__(self, response_id: str, format: Format) -> None:
        self._response_id = response_id
        self._encoder = Encoder(format)
        self._size = _FIRST
        self._held = 0  # samples that the encoder has not given back yet

    def cut(self, pcm: bytes) -> Iterator[SpeechAudio]:
        start = 0
        while start < len(pcm):
            piece = pcm[start : start + self._size]
            start += self._size
            self._size = _SIZE
            self._held += len(piece) // BYTES_PER_SAMPLE
            yield from self._given(self._encoder.encode(piece))

    def rest(self) -> Iterator[SpeechAudio]:
        yield from self._given(self._encoder.flush())

    def _given(self, audio: bytes) -> Iterator[SpeechAudio]:
        if audio:
            held, self._held = self._held, 0
            yield SpeechAudio(self._response_id, audio, held)
