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


class Sound:
    """What files that follow each other sound like. Raises SoundFileError for what is no sound."""

    def __init__(self, files: Sequence[store.Kept]) -> None:
        self._reader = _Reader(files)
        try:
            self._file = soundfile.SoundFile(self._reader)
        except soundfile.SoundFileError:
            self._reader.check()
            raise
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames

    def __enter__(self) -> "Sound":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[Pcm]:
        """From one frame to before another, a second at a time."""
        end = self.frames if end is None else min(end, self.frames)
        left = end - self._file.seek(min(max(start, 0), self.frames))
        while left > 0:
            block = self._file.read(min(left, self.rate), dtype="int16", always_2d=True)
            self._reader.check()
            if not len(block):  # its end was lost
                return
            left -= len(block)
            yield block


class _Reader(io.BufferedReader):
    """For libsndfile, to which an error is the end of the file: `check` raises what there was."""

    def __init__(self, files: Sequence[store.Kept]) -> None:
        super().__init__(Joined(files), 64 * 1024)
        self._error: Exception | None = None

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except Exception as error:
            self._error = error
            return 0

    def check(self) -> None:
        if self._error is not None:
            raise self._error
