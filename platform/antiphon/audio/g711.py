"""G.711 (ITU-T recommendation G.711), the codec of telephone networks: 8 bits per sample, 8 kHz.

Both laws are a sign, a 3-bit exponent (the segment) and a 4-bit mantissa. Every code and every sample is
worked out once, when the module is imported; after that a conversion is one table look-up.
"""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8_000  # Hz

_EVERY_CODE = np.arange(256)
_EVERY_SAMPLE = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)  # in the order of the bits


class G711:
    """One law, as a table of 256 samples and a table of 65536 codes indexed by the sample's bits."""

    def __init__(self, samples_of_codes: NDArray[np.int64], codes_of_samples: NDArray[np.int64]) -> None:
        self._samples = samples_of_codes.astype(np.int16)
        self._codes = codes_of_samples.astype(np.uint8)

    def decode(self, data: bytes) -> NDArray[np.int16]:
        """`int16[n]` at 8 kHz from n bytes."""
        return self._samples[np.frombuffer(data, np.uint8)]

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """n bytes from `int16[n]` at 8 kHz."""
        return self._codes[samples.view(np.uint16)].tobytes()


def _segment(magnitude: NDArray[np.int64], first_bound: int) -> NDArray[np.int64]:
    """How many of the eight doubling bounds (first_bound, twice that, ...) each magnitude reaches."""
    return np.searchsorted(first_bound << np.arange(8), magnitude, side="right")


def _mu_law() -> G711:
    bits = ~_EVERY_CODE & 0xFF  # codes travel inverted
    magnitude = (((bits & 0x0F) << 3) + 132) << ((bits & 0x70) >> 4)
    decoded = np.where(bits & 0x80, 132 - magnitude, magnitude - 132)

    samples = _EVERY_SAMPLE >> 2  # the law is defined on 14 bits
    biased = np.minimum(np.abs(samples), 8159) + 33
    segment = _segment(biased, 64)
    code = np.where(segment > 7, 0x7F, segment << 4 | (biased >> (segment + 1)) & 0x0F)
    inverted = np.where(samples < 0, 0x7F, 0xFF)
    return G711(decoded, np.bitwise_xor(code, inverted))


def _a_law() -> G711:
    bits = _EVERY_CODE ^ 0x55  # even bits travel inverted
    exponent = (bits & 0x70) >> 4
    mantissa = ((bits & 0x0F) << 4) + 8
    magnitude = np.where(exponent, (mantissa + 0x100) << np.maximum(exponent - 1, 0), mantissa)
    decoded = np.where(bits & 0x80, magnitude, -magnitude)

    samples = _EVERY_SAMPLE >> 3  # the law is defined on 13 bits
    absolute = np.where(samples < 0, ~samples, samples)
    segment = _segment(absolute, 32)
    mantissa = (absolute >> np.maximum(segment, 1)) & 0x0F
    inverted = np.where(samples < 0, 0x55, 0xD5)
    return G711(decoded, np.bitwise_xor(segment << 4 | mantissa, inverted))


MU_LAW = _mu_law()
A_LAW = _a_law()
