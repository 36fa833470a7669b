"""What the user has heard: a clock over the audio that was sent, and the text that goes with it.

Positions are samples at 24 kHz, times milliseconds on the session's clock.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from antiphon.engine.input_buffer import SAMPLES_PER_MS

_NEAR = 30  # characters of text that may be unmarked between two marks
_Moment = tuple[int, int]  # a sample of the audio, and the length of the text that is said by then


@dataclass(slots=True)
class Speech:
    """The audio of one assistant item: how long it is, what it says, and where hearing ended, if it was cut."""

    item_id: str = ""
    samples: int = 0
    text: str = ""
    heard: int | None = None  # samples; None while nothing has cut it short
    told: tuple[int, str] | None = None  # to observers: the ms and words that were heard, when it was cut
    _pieces: list[_Moment] = field(default_factory=list)  # where each begins
    _words: list[_Moment] = field(default_factory=list)  # where each marked word ends

    def say(self, text: str) -> None:
        """The audio added from here on says this text."""
        while self._words and self._words[-1][0] > self.samples:
            del self._words[-1]  # it was said by now, whatever its mark told
        if not self._pieces or self._pieces[-1][0] < self.samples:
            self._pieces.append((self.samples, len(self.text)))
        self.text += text

    def mark(self, word: str, end: int) -> None:
        """This word, the next one so written of the piece that is said then, ends at sample `end`.

        One that is not there, or not near, is left out: voices may mark how they read a number, or what they were
        not given.
        """
        word = word.strip()
        before, said = self._words[-1] if self._words else (0, 0)
        piece = bisect_left(self._pieces, (end, 0)) - 1
        if not word or end < before or piece < 0:
            return
        start = max(said, self._pieces[piece][1])
        stop = self._pieces[piece + 1][1] if piece + 1 < len(self._pieces) else len(self.text)
        at = self.text.find(word, start, min(stop, start + _NEAR + len(word)))
        if at >= 0:
            self._words.append((end, at + len(word)))

    def spread(self) -> None:
        """Where each word is was only guessed: from here on text and time of the whole are proportional."""
        self._pieces = [(0, 0)]
        self._words = []

    def retract(self, samples: int, characters: int) -> None:
        """The last `samples` and `characters` never left."""
        self.samples -= samples
        if characters:
            self.text = self.text[:-characters]

    def cut(self, heard: int) -> None:
        """Nothing after `heard` was heard. Only ever shortens."""
        self.heard = min(heard, self.samples if self.heard is None else self.heard)

    @property
    def heard_samples(self) -> int:
        return self.samples if self.heard is None else min(self.heard, self.samples)

    @property
    def heard_text(self) -> str:
        """The words that were heard to their end. Between the moments that are known, the beginnings of pieces and
        the ends of marked words, text and time are taken as proportional."""
        if self.heard is None:
            return self.text
        moments = sorted(self._pieces + self._words)
        known = bisect_right(moments, (self.heard, len(self.text)))
        if known == 0:
            return ""
        start, said = moments[known - 1]
        end, whole = moments[known] if known < len(moments) else (self.samples, len(self.text))
        text = self.text[said:whole]
        spoken = int(len(text) * (self.heard - start) / (end - start)) if end > start else 0
        return self.text[:said] + _whole_words(text, spoken)


def _whole_words(text: str, length: int) -> str:
    if length >= len(text) or text[length].isspace():
        return text[:length]
    cut = max((i for i in range(length) if text[i].isspace()), default=-1)
    return text[: cut + 1]


class Playout:
    """One line of audio played in the order it was sent, at real-time pace from its first sample.

    Where the transport plays by itself it reports how far it is; elsewhere the clock estimates it: the playhead
    moves with time and waits wherever there is nothing left to play.
    """

    def __init__(self, *, paced: bool) -> None:
        self._paced = paced
        self._sent = 0
        self._played = 0.0
        self._at_ms = 0.0
        self._segments: list[tuple[int, Speech]] = []  # where each item's audio begins, oldest first

    def send(self, speech: Speech, samples: int, now: float) -> None:
        self._move(now)
        if not self._segments or self._segments[-1][1] is not speech:
            while self._segments and self._segments[0][0] + self._segments[0][1].samples <= self._played:
                del self._segments[0]
            self._segments.append((self._sent, speech))
        self._sent += samples

    def report(self, samples: int) -> None:
        """A paced transport has played this many samples of all that it was sent."""
        if self._paced:
            self._played = min(float(samples), self._sent)

    @property
    def sent(self) -> int:
        """Samples."""
        return self._sent

    @property
    def played(self) -> float:
        """Samples, as of when it was last asked or told."""
        return self._played

    def is_playing(self, now: float) -> bool:
        self._move(now)
        return self._played < self._sent

    def left_ms(self, now: float) -> float:
        self._move(now)
        return (self._sent - self._played) / SAMPLES_PER_MS

    def stop(self, now: float) -> list[Speech]:
        """Playing ends here: cuts what was not heard and returns what it cut."""
        self._move(now)
        cut = []
        for start, speech in self._segments:
            if start + speech.samples > self._played:
                speech.cut(max(int(self._played) - start, 0))
                cut.append(speech)
        self._segments.clear()
        self._sent = int(self._played)
        return cut

    def skip(self, speech: Speech, now: float) -> None:
        """The client stopped playing this item by itself: what was sent after it is played at once."""
        self._move(now)
        for start, segment in self._segments:
            if segment is speech and not self._paced and start <= self._played:
                self._played = max(self._played, float(start + speech.samples))

    def _move(self, now: float) -> None:
        if not self._paced:
            self._played = min(self._played + (now - self._at_ms) * SAMPLES_PER_MS, float(self._sent))
        self._at_ms = now
