"""When what is in a session's log was to be heard, in ms since the session's start.

The log has the user's audio as runs, one for each turn, and the assistant's as pieces with the time at which they
were sent. What is sent faster than it plays waits: the assistant's audio plays as one line at real-time pace, as
the user hears it. A recording knows better, and its `timeline` takes the place of both.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.transcripts.words import Moment

_JITTER_MS = 250.0  # by which audio may be late without a gap
_ROUNDED_MS = 5.0  # by which who counts the same audio may differ


@dataclass(frozen=True, slots=True)
class Stretch:
    """`ms` of audio from position `begin` on, heard from `at` on."""

    begin: float
    at: float
    ms: float


@dataclass(slots=True)
class Stretches:
    """Audio in order, wherever in time its stretches lie."""

    parts: list[Stretch] = field(default_factory=list)

    def add(self, begin: float, at: float, ms: float) -> None:
        self.parts.append(Stretch(begin, at, ms))

    @property
    def end(self) -> float:
        """When the last of it is over."""
        return self.at(self.parts[-1].begin + self.parts[-1].ms) if self.parts else 0.0

    def at(self, position: float) -> float:
        """When this position is heard; one beyond the audio with its end."""
        return self._at(position, bisect_right([part.begin for part in self.parts], position + _ROUNDED_MS))

    def until(self, position: float) -> float:
        """When what lies before this position has been heard, however long nothing follows."""
        return self._at(position, bisect_left([part.begin for part in self.parts], position - _ROUNDED_MS))

    def _at(self, position: float, following: int) -> float:
        part = self.parts[max(following - 1, 0)]
        return part.at + min(max(position - part.begin, 0.0), part.ms)


class UserAudio:
    """Where positions in all that the user's client appended lie in time."""

    def __init__(self, timeline: Sequence[Sequence[float]] = ()) -> None:
        """`timeline`: `[position, at]` of each stretch, from a recording."""
        self._known = Stretches()
        for index, (position, at) in enumerate(timeline):
            following = timeline[index + 1][0] if index + 1 < len(timeline) else float("inf")
            self._known.add(position, at, following - position)
        self._runs = Stretches()
        self._length = 0.0
        self._free = 0.0

    def add(self, at: float, audio_ms: float, lasted_ms: float) -> None:
        """A run, whose first audio came at `at` and whose last `lasted_ms` later. What came at once is taken as one
        after the other. In one with a gap, what belongs to its turn came last."""
        begin = max(at, self._free)
        if lasted_ms > audio_ms + _JITTER_MS:
            begin = max(at + lasted_ms - audio_ms, self._free)
        self._runs.add(self._length, begin, audio_ms)
        self._length += audio_ms
        self._free = begin + audio_ms

    @property
    def length(self) -> float:
        """Of all so far, in ms of audio."""
        return self._length

    @property
    def last_run(self) -> float:
        """Where the last run begins, in ms of audio."""
        return self._runs.parts[-1].begin if self._runs.parts else 0.0

    def at(self, position: float) -> float | None:
        """None if there is no audio."""
        return self._stretches.at(position) if self._stretches.parts else None

    def until(self, position: float) -> float | None:
        """When what lies before it is over. None if there is no audio."""
        return self._stretches.until(position) if self._stretches.parts else None

    @property
    def _stretches(self) -> Stretches:
        return self._known if self._known.parts else self._runs


@dataclass(slots=True)
class Spoken:
    """One item of the assistant's: what was sent of it, when it played, and what was heard."""

    text: str = ""
    audio_ms: float = 0.0
    heard_ms: float | None = None  # None while nothing has cut it short
    playing: Stretches = field(default_factory=Stretches)
    pieces: list[Moment] = field(default_factory=list)  # where each begins

    def say(self, text: str) -> None:
        if not self.pieces or self.pieces[-1][0] < self.audio_ms:
            self.pieces.append((self.audio_ms, len(self.text)))
        self.text += text

    @property
    def moments(self) -> list[Moment]:
        return [*(self.pieces or [(0.0, 0)]), (self.audio_ms, len(self.text))]

    @property
    def heard_end(self) -> float:
        return self.audio_ms if self.heard_ms is None else min(self.heard_ms, self.audio_ms)

    def heard_text(self) -> str:
        """The words that were heard to their end, as far as can be told from when pieces were said."""
        if self.heard_ms is None or self.heard_ms >= self.audio_ms:
            return self.text
        moments = self.moments
        known = max(bisect_right([ms for ms, _ in moments], self.heard_ms), 1)
        (start, said), (end, whole) = moments[known - 1], moments[min(known, len(moments) - 1)]
        part = self.text[said:whole]
        length = int(len(part) * (self.heard_ms - start) / (end - start)) if end > start else 0
        if length < len(part) and not part[length].isspace():
            length = max((i + 1 for i in range(length) if part[i].isspace()), default=0)
        return self.text[:said] + part[:length]


class Line:
    """The assistant's audio as it plays: in the order in which it was sent, at real-time pace."""

    def __init__(self, timeline: Mapping[str, Any] | None = None) -> None:
        """`timeline`: `[position, at, ms]` of each stretch of each item, from a recording."""
        self._known = timeline or {}
        self.items: dict[str, Spoken] = {}
        self._free = 0.0
        self._last = ""

    def item(self, item_id: str) -> Spoken:
        if item_id not in self.items:
            spoken = self.items[item_id] = Spoken()
            for position, at, ms in self._known.get(item_id, ()):
                spoken.playing.add(position, at, ms)
        return self.items[item_id]

    def play(self, item_id: str, at: float, ms: float) -> None:
        spoken = self.item(item_id)
        if item_id not in self._known:
            begin = max(at, self._free)
            spoken.playing.add(spoken.audio_ms, begin, ms)
            self._free = begin + ms
        spoken.audio_ms += ms
        self._last = item_id

    def cut(self, item_id: str, heard_ms: float) -> None:
        """No more of this item was heard, as is said now; what is said later of it counts instead."""
        spoken = self.item(item_id)
        spoken.heard_ms = heard_ms
        if spoken.playing.parts:
            self._free = min(self._free, spoken.playing.until(heard_ms))

    def stop(self, at: float) -> None:
        """Nothing plays any more."""
        self._free = min(self._free, at)
