"""The audio of a conversation's items, for a client that asks for it: the newest, up to a bound."""

from collections import OrderedDict
from dataclasses import dataclass, field

from antiphon.audio.formats import Format

LIMIT = 8 * 1024 * 1024  # bytes of a session: almost three minutes of PCM16 at 24 kHz


@dataclass(slots=True)
class Recording:
    """Pieces of audio in one format; none once it was too long."""

    format: Format
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    too_long: bool = False

    @property
    def audio(self) -> bytes:
        return b"".join(self.pieces)

    def until(self, ms: float) -> bytes:
        """The audio up to this point."""
        return self.audio[: int(ms * self.format.rate / 1000) * self.format.bytes_per_sample]


class AudioStore:
    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._recordings: OrderedDict[str, Recording] = OrderedDict()  # oldest first

    def add(self, item_id: str, audio: bytes, format: Format) -> None:
        """More audio of an item. The oldest items lose theirs when there is too much; so does an item that is too
        long by itself."""
        recording = self._recordings.setdefault(item_id, Recording(format))
        if recording.too_long:
            return
        recording.pieces.append(audio)
        recording.size += len(audio)
        self._size += len(audio)
        while self._size > self._limit:
            oldest = next(iter(self._recordings))
            self.remove(oldest)
            if oldest == item_id:
                self._recordings[item_id] = Recording(format, too_long=True)

    def shorten(self, item_id: str, size: int) -> None:
        """The last `size` bytes never left."""
        recording = self._recordings.get(item_id)
        while recording is not None and size > 0 and recording.pieces:
            last = recording.pieces.pop()
            kept = last[: max(len(last) - size, 0)]
            if kept:
                recording.pieces.append(kept)
            size -= len(last)
            recording.size -= len(last) - len(kept)
            self._size -= len(last) - len(kept)

    def find(self, item_id: str) -> Recording | None:
        recording = self._recordings.get(item_id)
        return recording if recording is not None and recording.size else None

    def remove(self, item_id: str) -> None:
        recording = self._recordings.pop(item_id, None)
        if recording is not None:
            self._size -= recording.size
