"""What must not be heard is a tone."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from apps.recordings.sound import Pcm

_HERTZ = 1000
_LOUD = 0.1  # of full scale


class Bleep(NamedTuple):
    """From one ms of the recording to before another, in a channel: 0 is the user's."""

    channel: int
    start_ms: int
    end_ms: int


def bleeped(pcm: Iterable[Pcm], bleeps: Sequence[Bleep], sample_rate: int, start: int = 0) -> Iterator[Pcm]:
    """Blocks that follow each other, from frame `start` of the recording on, with a tone in the place of what was."""
    for block in pcm:
        end = start + len(block)
        for bleep in bleeps:
            low = max(bleep.start_ms * sample_rate // 1000, start)
            high = min(-(-bleep.end_ms * sample_rate // 1000), end)
            if low < high:
                block[low - start : high - start, bleep.channel] = _tone(low, high, sample_rate)
        start = end
        yield block


def _tone(low: int, high: int, sample_rate: int) -> Pcm:
    at = np.arange(low, high) * (2 * np.pi * _HERTZ / sample_rate)
    tone: Pcm = (np.sin(at) * (_LOUD * 32_767)).astype(np.int16)
    return tone
