"""Sound to Opus in Ogg, while it is made."""

import io
from typing import Any

import soundfile

from antiphon.engine.timeline import Samples
from apps.recordings.models import SAMPLE_RATE

_COMPRESSION = 0.9  # of libsndfile's 0 to 1: about 65 kbit/s while somebody speaks, 2 while nobody does


class Encoder:
    """One stereo stream. It leaves in pages of a second: one that is cut off can be read to its last page."""

    def __init__(self) -> None:
        self._made = _Made()
        self._file: Any = soundfile.SoundFile(
            self._made,
            "w",
            SAMPLE_RATE,
            2,
            format="OGG",
            subtype="OPUS",
            compression_level=_COMPRESSION,
        )

    def encode(self, samples: Samples) -> bytes:
        """What is complete of the stream by now, after `int16[n, 2]` more."""
        self._file.write(samples)
        return self._made.take()

    def finish(self) -> bytes:
        """The rest of the stream."""
        self._file.close()
        return self._made.take()


class _Made:
    """What libsndfile takes for a file: it looks at beginning and end when it opens it, and only appends then."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._taken = 0
        self._at = 0

    def take(self) -> bytes:
        data = bytes(self._data)
        self._taken += len(data)
        self._data.clear()
        return data

    def write(self, data: bytes) -> int:
        if self._at != self.size:
            raise io.UnsupportedOperation("An Ogg stream is written in one go.")
        self._data += data
        self._at += len(data)
        return len(data)

    def read(self, size: int) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    @property
    def size(self) -> int:
        return self._taken + len(self._data)
