"""From the protocol's 24 kHz to the detectors' 16 kHz, for many streams at once.

Up by 2, low pass, down by 3, as one matrix product per block of 2 ms (the polyphase form of rational resampling,
Crochiere and Rabiner, "Multirate Digital Signal Processing", 1983, chapter 3). The passband ends at 6 kHz; what
would alias is rejected by 50 dB or more. Against a streaming resampler for each session it costs a seventh in a
batch of 32, and holds back 0.6 ms of audio where soxr's LQ holds back 11.
"""

import numpy as np
from numpy.typing import NDArray

BEFORE = 16  # input samples before the first output sample, which it is made of as well ...
AFTER = 15  # ... and after the end of the last one's block

_UP, _DOWN = 2, 3
_BLOCK = 48  # input samples; they make 32 output samples
_HALF = 32  # of the filter's length, at 48 kHz
_CUTOFF = 7_200 / 48_000
_KAISER_BETA = 5.65  # 60 dB (Oppenheim and Schafer, "Discrete-Time Signal Processing", 7.6)


def to_16_khz(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """`float32[b, 2n/3]` in [-1, 1) at 16 kHz from `int16[b, BEFORE + n + AFTER]` at 24 kHz, n a multiple of 48.

    The first sample of both is at the same time, BEFORE left out.
    """
    reach = len(_FILTERS)
    windows = np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float32), reach, axis=1)
    # Copied, because products of overlapping rows bypass BLAS; a product for each stream, because large ones wake
    # the threads of BLAS.
    blocks = np.ascontiguousarray(windows[:, ::_BLOCK])
    return (blocks @ _FILTERS).reshape(len(pcm), -1)


def _filters() -> NDArray[np.float32]:
    """`float32[79, 32]`: from a block and its neighbours to the block's output; full scale becomes 1."""
    taps = np.arange(-_HALF, _HALF + 1)
    response = np.sinc(2 * _CUTOFF * taps) * np.kaiser(len(taps), _KAISER_BETA)
    response *= _UP / response.sum() / 32768
    given = np.arange(-BEFORE, _BLOCK + AFTER)[:, np.newaxis] * _UP
    made = np.arange(_BLOCK * _UP // _DOWN) * _DOWN
    distance = made - given
    return np.where(abs(distance) <= _HALF, response[np.clip(distance + _HALF, 0, 2 * _HALF)], 0.0).astype(
        np.float32
    )


_FILTERS = _filters()
