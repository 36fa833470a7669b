"""From the parts of a recording to what is kept of it: one file that can be played, and its waveform."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from apps.files import store
from apps.recordings.bleeping import Bleep, bleeped, packets_of
from apps.recordings.models import Recording
from apps.recordings.names import file_name, part_name, peaks_name
from apps.recordings.ogg import exchanged
from apps.recordings.peaks import Peaks
from apps.recordings.sound import USER, Joined, Sound
from apps.transcripts.retranscribe import Hear

HEARD_RATE = 16_000  # Hz, as recognisers take it

_TOLD_EVERY = 60  # seconds of sound


@dataclass(frozen=True, slots=True)
class Prepared:
    peaks: dict[str, Any]
    duration_ms: int
    pieces: Callable[[], Iterator[bytes]]
    """Of the file, made as they are asked for."""


def parts_of(recording: Recording) -> list[store.Kept]:
    """As far as none is missing: where what comes after a lost one belongs, nobody can say."""
    parts: list[store.Kept] = []
    for number in range(1, recording.parts + 1):
        try:
            parts.append(store.find(part_name(recording.session_id, number)))
        except store.NoSuchFile:
            break
    return parts


def prepare(
    parts: Sequence[store.Kept], bleeps: Sequence[Bleep], told: Callable[[int, int], None]
) -> Prepared:
    """`told` is called with how many seconds of how many were looked at, now and then. Raises
    SoundFileError, Unsealable."""
    with Sound(parts) as sound:
        rate = sound.rate
        peaks = Peaks(rate, sound.channels)
        for number, block in enumerate(bleeped(sound.blocks(), bleeps, rate)):
            peaks.add(block)
            if number % _TOLD_EVERY == 0:
                told(number, sound.frames // rate)
        packets = packets_of(sound, bleeps)

    def pieces() -> Iterator[bytes]:
        joined = Joined(parts)
        return exchanged(io.BufferedReader(joined, 1 << 16), packets) if packets else joined.pieces()

    return Prepared(peaks.document(), peaks.frames * 1000 // rate, pieces)


def keep(recording: Recording, prepared: Prepared) -> int:
    """Puts both files into the storage. Returns how many bytes the sound has."""
    told = json.dumps(prepared.peaks, separators=(",", ":")).encode()
    store.put(peaks_name(recording.session_id), [told])
    store.put(file_name(recording.session_id), prepared.pieces())
    return store.find(file_name(recording.session_id)).size


@contextmanager
def hearing(files: Sequence[store.Kept]) -> Iterator[Hear]:
    """What the user said, out of a recording's parts or its file."""
    with Sound(files) as sound:
        rate = sound.rate

        def hear(start_ms: int, end_ms: int) -> NDArray[np.float32]:
            blocks = list(sound.blocks(start_ms * rate // 1000, end_ms * rate // 1000))
            if not blocks:
                return np.zeros(0, np.float32)
            samples = np.concatenate(blocks)[:, USER].astype(np.float32) / 32_768
            heard: NDArray[np.float32] = soxr.resample(samples, rate, HEARD_RATE)
            return heard

        yield hear
