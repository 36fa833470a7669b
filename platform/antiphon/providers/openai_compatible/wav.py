"""WAV files (RIFF, PCM16): written around a turn for recognition, and taken off speech."""

import struct
from dataclasses import dataclass

import numpy as np

from antiphon.audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, to_int16
from antiphon.audio.resample import Resampler

MAX_HEAD = 1 << 16


def wav(pcm: bytes) -> bytes:
    """A WAV file of PCM16 mono at 24 kHz."""
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
        + struct.pack("<4sI", b"data", len(pcm))
        + pcm
    )


@dataclass(frozen=True, slots=True)
class WavHead:
    rate: int
    offset: int  # of the first sample
    size: int | None  # of the samples in bytes; None when the writer did not know it yet


def read_wav_head(data: bytes) -> WavHead | None:
    """The head of a file of which `data` is the beginning; None while it is incomplete.

    Raises ValueError for anything but PCM16 mono.
    """
    rate = 0
    offset = 12
    while len(data) >= offset + 8:
        name, size = struct.unpack_from("<4sI", data, offset)
        offset += 8
        if name == b"data":
            return WavHead(rate, offset, None if size in (0, 0xFFFFFFFF) else size)
        if name == b"fmt " and len(data) >= offset + 16:
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, offset)
            if kind not in (1, 0xFFFE) or channels != 1 or bits != 16 or rate == 0:
                raise ValueError(f"WAV with {channels} channels of {bits} bits; PCM16 mono is needed")
        offset += size + size % 2
    if len(data) > MAX_HEAD:
        raise ValueError("a WAV file without samples")
    return None


class SpeechDecoder:
    """PCM16 mono at 24 kHz in whole samples, out of raw PCM or WAV cut anywhere."""

    def __init__(self) -> None:
        self._pending = b""  # an unread head, or half a sample
        self._in_samples = False
        self._left: int | None = None  # bytes of samples still to come, where known
        self._resampler: Resampler[np.int16] | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Raises ValueError for WAV that isn't PCM16 mono."""
        data = self._pending + chunk
        if not self._in_samples:
            start = self._samples_start(data)
            if start is None:
                self._pending = data
                return b""
            self._in_samples = True
            data = data[start:]
        if self._left is not None:
            data = data[: self._left]
        whole = len(data) - len(data) % BYTES_PER_SAMPLE
        if self._left is not None:
            self._left -= whole
        self._pending = data[whole:]
        if self._resampler is None:
            return data[:whole]
        return self._resampler.process(to_int16(data[:whole])).tobytes()

    def finish(self) -> bytes:
        """The last samples; half a sample is dropped."""
        return self._resampler.flush().tobytes() if self._resampler else b""

    def _samples_start(self, data: bytes) -> int | None:
        if len(data) < 4 and b"RIFF".startswith(data):
            return None
        if not data.startswith(b"RIFF"):
            return 0
        head = read_wav_head(data)
        if head is None:
            return None
        self._left = head.size
        if head.rate != SAMPLE_RATE:
            self._resampler = Resampler(head.rate, SAMPLE_RATE, np.int16)
        return head.offset
