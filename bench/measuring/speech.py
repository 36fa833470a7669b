"""Human speech to talk with, and silence between it: PCM16 mono at 24 kHz."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from antiphon.audio.pcm import from_float, read_audio, size_of, to_float

FRAME_MS = 20
FRAME_BYTES = size_of(FRAME_MS)

_RECORDINGS = Path("/usr/share/pocketsphinx/test/data/librivox")
_BLOCK = 240  # samples: 10 ms
_AUDIBLE = 0.1  # of the recording's own loudness
_ROOM = 0.001  # full scale: -60 dB


@dataclass(frozen=True, slots=True)
class Recording:
    """`onset_ms` is where its energy first rises to a tenth of its loud passages: nothing to do with any VAD."""

    pcm: bytes
    onset_ms: int

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // size_of(1)

    def from_onset(self) -> "Recording":
        return Recording(self.pcm[size_of(self.onset_ms) :], 0)


@cache
def recordings() -> tuple[Recording, ...]:
    """Five sentences of 3 to 7 s, read by a human. Raises FileNotFoundError."""
    files = sorted(_RECORDINGS.glob("*.wav"))
    if not files:
        raise FileNotFoundError(
            "The recordings of Debian's package pocketsphinx-testdata are missing: run `make system-deps`."
        )
    return tuple(_measured(read_audio(file)) for file in files)


def room(milliseconds: int) -> bytes:
    """A quiet room: white noise of -60 dB, the same every time."""
    noise = np.random.default_rng(0).standard_normal(milliseconds * 24, dtype=np.float32)
    return from_float(noise * np.float32(_ROOM))


def _measured(pcm: bytes) -> Recording:
    samples = to_float(pcm)
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loudness = np.sqrt(np.square(blocks).mean(axis=1))
    onset = int(np.argmax(loudness > _AUDIBLE * np.quantile(loudness, 0.95)))
    return Recording(pcm, onset * 10)
