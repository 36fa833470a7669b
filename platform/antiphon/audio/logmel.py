"""The log-mel spectrogram that Whisper was trained on, and Smart Turn with it.

Defined by Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2, and the
parameters published with the model: 16 kHz, a Hann window of 25 ms every 10 ms, 80 mel bands up to 8 kHz.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz
BANDS = 80
STEP = 1600  # samples: 100 ms. What is analysed is a multiple of this

HOP = 160  # samples: 10 ms

_WINDOW_LENGTH = 400  # samples: 25 ms
_FLOOR = np.float32(1e-10)
_RANGE = np.float32(8.0)  # decades below the loudest value that are kept


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """`float32[80, n // 160]` from `float32[n]` at 16 kHz, n a multiple of STEP."""
    padded = np.pad(samples, _WINDOW_LENGTH // 2, mode="reflect")  # frame i is centred on sample 160 * i
    frames = sliding_window_view(padded, _WINDOW_LENGTH)[: len(samples) : HOP]
    spectrum = np.fft.rfft(frames * _HANN, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    # Blocks of 10 frames: one large product would wake BLAS threads, which spin and double the CPU time.
    mel = power.reshape(-1, STEP // HOP, power.shape[1]) @ _MEL_FILTERS
    decades = np.log10(np.maximum(mel.reshape(-1, BANDS), _FLOOR))
    np.maximum(decades, decades.max() - _RANGE, out=decades)
    decades += np.float32(4.0)
    decades /= np.float32(4.0)
    return np.ascontiguousarray(decades.T)


def standardised(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """`samples` with mean 0 and variance 1, as Smart Turn wants them before `log_mel`."""
    scaled: NDArray[np.float32] = (samples - samples.mean()) / np.sqrt(samples.var() + np.float32(1e-7))
    return scaled


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz, which is 15 mel; then 27 steps to 6.4 kHz."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


def _mel_filters() -> NDArray[np.float32]:
    """`float32[201, 80]`: triangles of equal area, evenly spaced in mel from 0 to 8 kHz."""
    top = 15.0 + 27.0 * np.log(8.0) / np.log(6.4)  # 8 kHz in mel
    edges = _mel_to_hz(np.linspace(0.0, top, BANDS + 2))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    bins = np.fft.rfftfreq(_WINDOW_LENGTH, 1 / SAMPLE_RATE)[:, np.newaxis]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return (np.maximum(triangles, 0.0) * 2.0 / (high - low)).astype(np.float32)


_HANN = np.hanning(_WINDOW_LENGTH + 1)[:-1].astype(np.float32)  # periodic
_MEL_FILTERS = _mel_filters()
