"""Where on the time of a session its audio lies, for who keeps it: what the user said as it came in, what the
assistant said as it was played. Pure: no clock, no I/O.

Positions are samples at 24 kHz: of the recording from the session's start, of the user's audio from its first
sample on, whatever was committed or cleared, and of an item from its own.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from antiphon.engine.input_buffer import SAMPLES_PER_MS

TOLERANCE_MS = 250
"""By so much audio of the user may come late and still follow what came before it without a break."""

Samples = NDArray[np.int16]


@dataclass(slots=True)
class Span:
    """Audio of an item that lies at one place: from `offset` of the item on, at `at` of the recording."""

    offset: int
    at: int
    length: int


@dataclass(slots=True, eq=False)
class _Piece:
    samples: Samples
    at: int
    length: int  # of what is played of it
    item_id: str = ""
    offset: int = 0
    source: object = None

    @property
    def end(self) -> int:
        return self.at + self.length


@dataclass(slots=True)
class Jump:
    """The user's audio from `audio` on lies at `at` of the recording, up to the next jump."""

    audio: int
    at: int


class UserTrack:
    """The user's audio: from its arrival on, without breaks while it streams. What comes faster than it plays waits
    its turn."""

    def __init__(self) -> None:
        self.jumps: list[Jump] = []
        self.end = 0  # of what has come so far, on the recording
        self.audio = 0  # how much has come
        self._pieces: deque[_Piece] = deque()
        self._read = 0  # what lies before this can't be changed any more
        self._before: tuple[int, int, int, _Piece | None] | None = None  # as it was before the last piece

    def is_late(self, at: int) -> bool:
        """Whether audio that arrives now is no continuation of what came before."""
        return not self.jumps or at - self.end > TOLERANCE_MS * SAMPLES_PER_MS or self.end < self._read

    def add(self, samples: Samples, at: int) -> None:
        self._before = self.end, self.audio, len(self.jumps), self._last
        if self.is_late(at):
            self.end = max(at, self.end, self._read)
            self.jumps.append(Jump(self.audio, self.end))
        self.append(samples)

    def append(self, samples: Samples) -> None:
        """Right behind what came before, whatever the time."""
        if len(samples):
            self._pieces.append(_Piece(samples, self.end, len(samples)))
            self.end += len(samples)
            self.audio += len(samples)

    def miss(self, length: int, at: int) -> None:
        """So much was lost, up to now."""
        self.add(np.empty(0, np.int16), at - length)
        self.end += length
        self.audio += length

    def take_back(self) -> None:
        """What was added last was refused."""
        if self._before is None:
            return
        self.end, self.audio, jumps, last = self._before
        self._before = None
        del self.jumps[jumps:]
        if self._last is not last:
            self._pieces.pop()

    @property
    def _last(self) -> _Piece | None:
        return self._pieces[-1] if self._pieces else None

    @property
    def waiting(self) -> int:
        """Samples that were not read yet."""
        return self.end - self._pieces[0].at if self._pieces else 0

    def read(self, start: int, into: Samples) -> None:
        end = self._read = start + len(into)
        self._before = None
        while self._pieces and self._pieces[0].at < end:
            piece = self._pieces[0]
            _copy(piece, start, into)
            if piece.end > end:
                return
            self._pieces.popleft()


@dataclass(slots=True)
class AssistantTrack:
    """The assistant's audio on one line, each piece when the one before it has been played, or when it comes."""

    spans: dict[str, list[Span]] = field(default_factory=dict)
    _pieces: deque[_Piece] = field(default_factory=deque)
    _end: int = 0  # of the line
    _read: int = 0  # what lies before this can't be changed any more
    _lengths: dict[str, int] = field(default_factory=dict)  # of each item, so far
    _heard: dict[str, int] = field(default_factory=dict)  # of items that were cut

    def add(self, item_id: str, samples: Samples, at: int, source: object = None) -> None:
        """More of an item. `source` is what it can be recalled by."""
        offset = self._lengths.get(item_id, 0)
        self._lengths[item_id] = offset + len(samples)
        length = min(len(samples), max(self._heard.get(item_id, offset + len(samples)) - offset, 0))
        if length:
            piece = _Piece(samples, max(self._end, at, self._read), length, item_id, offset, source)
            self._pieces.append(piece)
            self._end = piece.end

    def miss(self, item_id: str, length: int) -> None:
        """So much of an item was lost."""
        self._lengths[item_id] = self._lengths.get(item_id, 0) + length

    def recall(self, sources: Iterable[object]) -> None:
        """What came with these never left: it is not played."""
        gone = {id(source) for source in sources}
        for piece in self._pieces:
            if piece.source is not None and id(piece.source) in gone:
                self._lengths[piece.item_id] -= len(piece.samples)
                self._shorten(piece, 0)
        self._tidy()

    def cut(self, item_id: str, heard: int, at: int) -> None:
        """No more than `heard` samples of the item are played. What was to be played after it comes at once."""
        heard = self._heard[item_id] = min(heard, self._heard.get(item_id, heard))
        for piece in self._pieces:
            if piece.item_id == item_id:
                self._shorten(piece, heard - piece.offset)
        self._tidy()
        line = max(at, self._read)
        for piece in self._pieces:
            if piece.at < at:
                line = max(line, piece.end)
            else:
                piece.at = line
                line = piece.end
        self._tidy()

    def stop(self, at: int) -> None:
        """Nothing is played any more."""
        for piece in self._pieces:
            self._shorten(piece, at - piece.at)
        self._tidy()

    def read(self, start: int, into: Samples) -> None:
        end = self._read = start + len(into)
        while self._pieces and self._pieces[0].at < end:
            piece = self._pieces[0]
            _copy(piece, start, into)
            self._keep(piece, max(piece.at, start), min(piece.end, end))
            if piece.end > end:
                return
            self._pieces.popleft()

    def _keep(self, piece: _Piece, start: int, end: int) -> None:
        spans = self.spans.setdefault(piece.item_id, [])
        offset = piece.offset + start - piece.at
        last = spans[-1] if spans else None
        if last and (last.offset + last.length, last.at + last.length) == (offset, start):
            last.length += end - start
        else:
            spans.append(Span(offset, start, end - start))

    def _shorten(self, piece: _Piece, length: int) -> None:
        """As far as it was not read yet."""
        piece.length = min(piece.length, max(length, self._read - piece.at, 0))

    def _tidy(self) -> None:
        self._pieces = deque(piece for piece in self._pieces if piece.length)
        self._end = self._pieces[-1].end if self._pieces else self._read


class Timeline:
    """Both sides, read in one go from the session's start on. What was read stays as it is."""

    def __init__(self) -> None:
        self.user = UserTrack()
        self.assistant = AssistantTrack()
        self.read_to = 0

    def read(self, upto: int, most: int) -> Samples:
        """The next `int16[n, 2]`, user and assistant, up to there, at most so many; n may be 0."""
        length = max(min(upto - self.read_to, most), 0)
        left, right = np.zeros(length, np.int16), np.zeros(length, np.int16)
        if length:
            self.user.read(self.read_to, left)
            self.assistant.read(self.read_to, right)
            self.read_to += length
        return np.stack((left, right), axis=1)

    def maps(self) -> dict[str, object]:
        """Where the audio is, in ms: {"user": [[ms of the user's audio, ms of the recording], ...], "items": {item:
        [[ms of the item, ms of the recording, ms long], ...]}}."""
        return {
            "user": [[_ms(jump.audio), _ms(jump.at)] for jump in self.user.jumps],
            "items": {
                item_id: [[_ms(span.offset), _ms(span.at), _ms(span.length)] for span in spans]
                for item_id, spans in self.assistant.spans.items()
            },
        }


def _copy(piece: _Piece, start: int, into: Samples) -> None:
    """What of the piece lies within `into`, which begins at `start`."""
    first, last = max(piece.at, start), min(piece.end, start + len(into))
    if first < last:
        into[first - start : last - start] = piece.samples[first - piece.at : last - piece.at]


def _ms(samples: int) -> int:
    return round(samples / SAMPLES_PER_MS)
