"""The sound of a recording, read bit by bit: of an hour no more than a second is in memory."""

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from apps.files import store

SAMPLE_RATE: Final = 24_000
USER, ASSISTANT = 0, 1
"""The channels: left and right."""

Pcm = NDArray[np.int16]
"""Samples by channels."""


class Joined(io.RawIOBase):
    """Kept files, one after the other, as one that can be read anywhere. One of them at a time is in memory."""

    def __init__(self, files: Sequence[store.Kept]) -> None:
        self._files = files
        self._ends = list(accumulate((file.size for file in files), initial=0))
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        return self._ends[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Up to the end of a window of one file, as raw readers may."""
        if self._at >= self.size:
            return 0
        file = bisect_right(self._ends, self._at) - 1
        within = self._at - self._ends[file]
        piece = self._window(file, within // _WINDOW)[within % _WINDOW :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def pieces(self) -> Iterator[bytes]:
        """All of it."""
        for file in self._files:
            yield from store.read_range(file, 0, file.size)

    def _window(self, file: int, number: int) -> bytes:
        wanted = file << 32 | number
        if self._held[0] != wanted:
            kept = self._files[file]
            start = number * _WINDOW
            self._held = wanted, b"".join(store.read_range(kept, start, min(start + _WINDOW, kept.size)))
        return self._held[1]


_WINDOW = 256 * 1024  # bytes that are read of a file at once


def opened(files: Sequence[store.Kept]) -> soundfile.SoundFile:
    """Raises soundfile.LibsndfileError for what is no sound."""
    return soundfile.SoundFile(io.BufferedReader(Joined(files), 64 * 1024))


def pcm_between(sound: soundfile.SoundFile, start: int = 0, end: int | None = None) -> Iterator[Pcm]:
    """From one frame to before another, a second at a time."""
    sound.seek(min(start, sound.frames))
    left = min(sound.frames if end is None else end, sound.frames) - sound.tell()
    while left > 0:
        block = sound.read(min(left, sound.samplerate), dtype="int16", always_2d=True)
        if not len(block):  # its end was lost
            return
        left -= len(block)
        yield block
