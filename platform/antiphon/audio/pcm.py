"""PCM16 mono at 24 kHz, little endian: the audio of the protocol. Conversions, durations and audio files."""

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 24_000  # Hz
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = SAMPLE_RATE * BYTES_PER_SAMPLE // 1000

_FULL_SCALE = np.float32(32768.0)


class AudioFileError(Exception):
    """A file can't be used as audio; the message says why and what to give instead."""


def duration_ms(size: int) -> int:
    """Whole milliseconds in `size` bytes of PCM16 at 24 kHz."""
    return size // BYTES_PER_MS


def size_of(milliseconds: int) -> int:
    """Bytes of PCM16 at 24 kHz that last `milliseconds`."""
    return milliseconds * BYTES_PER_MS


def to_int16(pcm: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """The samples of `pcm` as `int16[n]`, without copying. Raises ValueError for half a sample."""
    if len(pcm) % BYTES_PER_SAMPLE:
        raise ValueError(f"PCM16 has two bytes per sample, {len(pcm)} bytes end within one.")
    return np.frombuffer(pcm, dtype="<i2")


def to_float(pcm: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """`float32[n]` in [-1, 1). Raises ValueError for half a sample."""
    return np.divide(to_int16(pcm), _FULL_SCALE, dtype=np.float32)


def from_float(samples: NDArray[np.float32]) -> bytes:
    """PCM16 of `float32[n]`; what lies outside [-1, 1) is clipped. Exact inverse of `to_float`."""
    scaled = np.rint(samples * _FULL_SCALE)
    pcm: bytes = np.clip(scaled, -32768, 32767).astype("<i2").tobytes()
    return pcm


def read_audio(path: Path) -> bytes:
    """Reads an audio file as PCM16 mono at 24 kHz: any rate, sample width and number of channels.

    WAV is what we promise; FLAC, Ogg and the other formats libsndfile knows work too.
    Raises AudioFileError.
    """
    if not path.is_file():
        raise AudioFileError(f"There is no file {path}. Give the path of a WAV file.")
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path} is not an audio file that can be read. Give a WAV file.") from error
    if not len(channels):
        raise AudioFileError(f"{path} holds no audio. Give a WAV file with some speech in it.")
    mono = np.nan_to_num(channels.mean(axis=1, dtype=np.float32))
    return from_float(soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ"))


def write_wav(path: Path, pcm: bytes) -> None:
    """Writes PCM16 mono at 24 kHz as a WAV file. Raises OSError."""
    with path.open("wb") as file:
        soundfile.write(file, to_int16(pcm), SAMPLE_RATE, format="WAV", subtype="PCM_16")
