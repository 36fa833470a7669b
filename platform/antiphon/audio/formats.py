"""Between the formats that clients speak and the engine's own: PCM16 mono at 24 kHz.

A stream's pieces join without a seam; G.711 (8 kHz) and other PCM rates go through soxr's LQ resampler, which holds
back about 12 ms until the stream is flushed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.audio import g711
from antiphon.audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, to_int16
from antiphon.audio.resample import Resampler

_LAWS = {"pcmu": g711.MU_LAW, "pcma": g711.A_LAW}


@dataclass(frozen=True, slots=True)
class Format:
    """How a client writes mono audio: PCM16, little endian, at `rate` Hz, or G.711, whose rate is 8 kHz."""

    coding: Literal["pcm", "pcmu", "pcma"] = "pcm"
    rate: int = SAMPLE_RATE

    @property
    def is_native(self) -> bool:
        return self.coding == "pcm" and self.rate == SAMPLE_RATE

    @property
    def bytes_per_sample(self) -> int:
        return BYTES_PER_SAMPLE if self.coding == "pcm" else 1


class Decoder:
    """A client's audio to PCM16 at 24 kHz, piece by piece."""

    def __init__(self, source: Format) -> None:
        self._source = source
        self._half_sample = b""
        self._resampler = (
            None if source.rate == SAMPLE_RATE else Resampler(source.rate, SAMPLE_RATE, np.int16)
        )

    def decode(self, data: bytes) -> bytes:
        """An odd last byte of PCM waits for the next piece."""
        if self._source.coding == "pcm":
            if self._half_sample:
                data = self._half_sample + data
            whole = len(data) & ~1
            self._half_sample = data[whole:]
            if whole != len(data):
                data = data[:whole]
        if self._resampler is None:
            return data
        return _bytes(self._resampler.process(_samples(data, self._source)))

    def flush(self) -> bytes:
        """The rest of what was given, but for half a sample; audio after this is a new stream."""
        return b"" if self._resampler is None else _bytes(self._resampler.flush())


class Encoder:
    """PCM16 at 24 kHz to a client's format, piece by piece."""

    def __init__(self, target: Format) -> None:
        self._target = target
        self._resampler = (
            None if target.rate == SAMPLE_RATE else Resampler(SAMPLE_RATE, target.rate, np.int16)
        )

    def encode(self, pcm: bytes) -> bytes:
        if self._resampler is None:
            return pcm
        return _data(self._resampler.process(to_int16(pcm)), self._target)

    def flush(self) -> bytes:
        """The rest of what was given; audio after this is a new stream."""
        return b"" if self._resampler is None else _data(self._resampler.flush(), self._target)


def decode(data: bytes, source: Format) -> bytes:
    """All of a client's audio as PCM16 at 24 kHz."""
    if source.is_native:
        return data[: len(data) & ~1]
    samples = _samples(data[: len(data) - len(data) % source.bytes_per_sample], source)
    return _bytes(soxr.resample(samples, source.rate, SAMPLE_RATE, quality="HQ"))


def encode(pcm: bytes, target: Format) -> bytes:
    """All of some PCM16 at 24 kHz in a client's format."""
    if target.is_native:
        return pcm
    return _data(soxr.resample(to_int16(pcm), SAMPLE_RATE, target.rate, quality="HQ"), target)


def _samples(data: bytes, source: Format) -> NDArray[np.int16]:
    return to_int16(data) if source.coding == "pcm" else _LAWS[source.coding].decode(data)


def _data(samples: NDArray[np.int16], target: Format) -> bytes:
    return _bytes(samples) if target.coding == "pcm" else _LAWS[target.coding].encode(samples)


def _bytes(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()
