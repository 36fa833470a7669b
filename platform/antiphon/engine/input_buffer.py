"""The input audio buffer: what the client appended and nobody has committed yet.

Positions are samples at 24 kHz on the session's input timeline, which counts all audio ever appended and is
untouched by commits and clears.
"""

from antiphon.protocol import errors

RATE = 24_000
SAMPLES_PER_MS = RATE // 1000
BYTES_PER_SAMPLE = 2
LIMIT_MS = 15 * 60_000


class InputBuffer:
    def __init__(self) -> None:
        self._pcm = bytearray()
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + len(self._pcm) // BYTES_PER_SAMPLE

    @property
    def duration_ms(self) -> float:
        return (self.end - self.start) / SAMPLES_PER_MS

    def check_room(self, ms: float) -> None:
        """Raises Refused if this much more would make it longer than 15 minutes."""
        if self.duration_ms + ms > LIMIT_MS:
            raise errors.buffer_full(LIMIT_MS)

    def append(self, pcm: bytes) -> None:
        """Adds whole samples."""
        self._pcm += pcm

    def read(self, start: int, end: int) -> bytes:
        """The audio from `start` to `end`, as far as it is still here."""
        first = max(start - self.start, 0) * BYTES_PER_SAMPLE
        return bytes(self._pcm[first : max(end - self.start, 0) * BYTES_PER_SAMPLE])

    def take(self, start: int, end: int) -> bytes:
        """Like `read`; everything up to `end` leaves the buffer."""
        pcm = self.read(start, end)
        self.drop(end)
        return pcm

    def drop(self, end: int) -> None:
        """Forgets what lies before `end`."""
        samples = min(end, self.end) - self.start
        if samples > 0:
            del self._pcm[: samples * BYTES_PER_SAMPLE]
            self.start += samples

    def clear(self) -> None:
        self.drop(self.end)
