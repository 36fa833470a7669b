"""How loud a recording is over its time, for a waveform to be drawn from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recordings.sound import Pcm

PER_SECOND = 20
MOST = 12_000
"""Of a channel: longer recordings have fewer in a second."""

_FULL_SCALE = 32_768


class Peaks:
    """The loudest sample of each stretch, by channel. Add what is decoded, in order."""

    def __init__(self, sample_rate: int, channels: int = 2) -> None:
        self._stretch = sample_rate // PER_SECOND
        self._channels = channels
        self._rest = np.zeros((0, channels), np.int16)
        self._loudest: list[NDArray[np.int16]] = []
        self.frames = 0

    def add(self, pcm: Pcm) -> None:
        self.frames += len(pcm)
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % self._stretch
        self._rest = pcm[whole:]
        if whole:
            self._loudest.append(_loudest(pcm[:whole].reshape(-1, self._stretch, self._channels)))

    def document(self) -> dict[str, Any]:
        """`channels`: lists of numbers in 0..1, `per_second` of them."""
        loudest = [*self._loudest]
        if len(self._rest):
            loudest.append(_loudest(self._rest[np.newaxis]))
        peaks = np.concatenate(loudest) if loudest else np.zeros((0, self._channels), np.int16)
        fold = -(-len(peaks) // MOST) or 1
        padded = np.pad(peaks, ((0, -len(peaks) % fold), (0, 0)))
        folded = padded.reshape(-1, fold, self._channels).max(1) / _FULL_SCALE
        return {
            "per_second": PER_SECOND / fold,
            "channels": [channel.round(2).tolist() for channel in folded.T],
        }


def _loudest(stretches: NDArray[np.int16]) -> NDArray[np.int16]:
    high, low = stretches.max(1), stretches.min(1)
    loudest: NDArray[np.int16] = np.maximum(high, -np.maximum(low, -_FULL_SCALE + 1))
    return loudest
