"""Audio for cases: clips, silence and tones, in the formats of the protocol."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.audio import g711
from antiphon.audio.pcm import SAMPLE_RATE, AudioFileError, read_audio, to_int16
from antiphon.conformance.cases import CaseError

_TONE_HZ = 440
_LAWS = {"audio/pcmu": g711.MU_LAW, "audio/pcma": g711.A_LAW}


def render(
    parts: Sequence[Mapping[str, Any]], clips: Path, format: str = "audio/pcm", rate: int = 0
) -> bytes:
    """The parts one after the other: `{"clip": "speech"}`, `{"silence": 500}`, `{"tone": 500}`, both in ms.

    rate: samples per second; 0 is 24 kHz for PCM and 8 kHz for G.711. Raises CaseError.
    """
    samples = np.concatenate([_part(part, clips) for part in parts])
    law = _LAWS.get(format)
    if law is None and format != "audio/pcm":
        raise CaseError(f"There is no audio format {format!r}: use audio/pcm, audio/pcmu or audio/pcma.")
    rate = rate or (g711.SAMPLE_RATE if law else SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, SAMPLE_RATE, rate, quality="HQ")
    return law.encode(samples) if law else samples.astype("<i2").tobytes()


def bytes_per_ms(format: str, rate: int) -> int:
    return (rate or g711.SAMPLE_RATE) // 1000 if format in _LAWS else (rate or SAMPLE_RATE) // 1000 * 2


def _part(part: Mapping[str, Any], clips: Path) -> NDArray[np.int16]:
    """`int16[n]`, 24 kHz."""
    match part:
        case {"clip": str(name)}:
            try:
                return to_int16(read_audio(clips / f"{name}.flac"))
            except AudioFileError as error:
                raise CaseError(str(error)) from None
        case {"silence": int(milliseconds)}:
            return np.zeros(milliseconds * SAMPLE_RATE // 1000, np.int16)
        case {"tone": int(milliseconds)}:
            times = np.arange(milliseconds * SAMPLE_RATE // 1000) / SAMPLE_RATE
            return (np.sin(2 * np.pi * _TONE_HZ * times) * 8000).astype(np.int16)
    raise CaseError(f"{part} is no audio: give clip, silence or tone.")
