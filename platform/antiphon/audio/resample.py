"""Streaming change of sample rate: one object per direction and session.

soxr's LQ setting rejects aliases by 85 dB, costs about 4 µs for 20 ms of audio and holds back about 12 ms.
"""

from typing import Generic, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

Sample = TypeVar("Sample", np.float32, np.int16)


class Resampler(Generic[Sample]):
    """Resamples one mono stream piece by piece; the pieces join without a seam."""

    def __init__(self, source_hz: int, target_hz: int, dtype: type[Sample]) -> None:
        self._nothing: NDArray[Sample] = np.empty(0, dtype)
        self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype=np.dtype(dtype).name, quality="LQ")

    def process(self, samples: NDArray[Sample]) -> NDArray[Sample]:
        """The next `dtype[m]` at the target rate for the next `dtype[n]` at the source's; m may be 0."""
        resampled: NDArray[Sample] = self._stream.resample_chunk(samples)
        return resampled

    def flush(self) -> NDArray[Sample]:
        """What was still held back. The stream is then as new, for the audio after a break."""
        tail: NDArray[Sample] = self._stream.resample_chunk(self._nothing, last=True)
        self._stream.clear()
        return tail
