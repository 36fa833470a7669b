"""Which text the audio of a response says, and when: what vendors tell of it, brought into one order."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from unicodedata import east_asian_width

from antiphon.audio.pcm import BYTES_PER_MS, BYTES_PER_SAMPLE
from antiphon.providers.base.tts import Audio, Spoken, TtsEvent, WordMark

Origin = Literal["response", "message", "flush"]

_CHARACTER_MS = 80  # slower than most voices speak: text that nobody has heard must not count as heard
_WIDE = 3  # characters' time that an ideograph takes
_REACH = (
    60  # characters between two marked words; what is between is signs and numbers that are spoken as others
)


@dataclass(frozen=True, slots=True)
class Timing:
    """When something is said, in ms from an origin: a word, or one character of it (in the order of the text)."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class _Word:
    at: int  # in the audio, in bytes
    piece: int  # that it belongs to; -1: none that is known
    mark: WordMark | None  # while only its first characters are known


class Narration:
    """Turns audio and whatever is known about it into Spoken, Audio and WordMark events. Times are those of the
    whole response's audio, which may come cut within a sample.

    A piece of text is announced right before its audio: at the word that begins it, if the vendor marks words; when
    what was flushed before it is done, if the vendor says so; else once the text before it has probably been said.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.made = 0  # bytes of audio so far
        self._half = b""  # a sample
        self._text = ""
        self._begins: list[int] = []  # of pieces, in the text
        self._spoken = 0  # pieces announced
        self._due = 1  # pieces to be announced before the next audio
        self._flushes: deque[int] = deque()  # how many pieces each flush that is not done covers
        self._flush_from = 0  # in the audio
        self._words: deque[_Word] = deque()  # whose audio has not come
        self._word: list[Timing] = []  # the characters of one that may go on
        self._located = 0  # in the text, the end of the last marked word
        self._known_at = (0, 0)  # a position in the audio, and the one in the text that is reached there
        self._ms_per_character = _CHARACTER_MS / speed

    def add(self, piece: str) -> None:
        """More text, in the order in which it is to be said."""
        if piece:
            self._begins.append(len(self._text))
            self._text += piece

    def flushed(self) -> None:
        """The vendor was told to speak all that was added so far, and will say when it is done."""
        self._flushes.append(len(self._begins))

    def flush_done(self) -> None:
        """For the oldest flush; one nobody asked for is the vendor's own affair."""
        self._flush_from = self.made
        if self._flushes:
            done = self._flushes.popleft()
            self._due = max(self._due, done + 1)
            self._known_at = (self.made, self._begin(done))

    @property
    def all_flushes_done(self) -> bool:
        return not self._flushes

    def hear(self, pcm: bytes) -> Iterator[TtsEvent]:
        pcm = self._half + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        pcm, self._half = pcm[:whole], pcm[whole:]
        if not pcm:
            return
        self._guess()
        yield from self._announce(self._due)
        end = self.made + len(pcm)
        while self._words and self._words[0].at < end:
            word = self._words.popleft()
            before = word.at - self.made
            if word.piece >= self._spoken and before > 0:
                yield Audio(pcm[:before])
                pcm = pcm[before:]
                self.made = word.at
            yield from self._mark(word)
        yield Audio(pcm)
        self.made = end

    def words(self, words: Iterable[Timing], origin: Origin) -> Iterator[TtsEvent]:
        shift = self._shift(origin)
        for word in words:
            if any(map(str.isalnum, word.text)):
                self._expect(word.text, word.start_ms + shift, word.end_ms + shift)
        yield from self._late_words()

    def characters(self, characters: Iterable[Timing], origin: Origin) -> Iterator[TtsEvent]:
        """Words end at white space; an ideograph is a word by itself."""
        shift = self._shift(origin)
        for character in characters:
            timing = Timing(character.text, character.start_ms + shift, character.end_ms + shift)
            if timing.text.isspace():
                self._end_word()
            elif _is_wide(timing.text):
                self._end_word()
                self._word.append(timing)
                self._end_word()
            else:
                self._word.append(timing)
        self._begin_word()
        yield from self._late_words()

    def finish(self) -> Iterator[TtsEvent]:
        """No more audio comes: what has not been announced is."""
        self._end_word()
        while self._words:
            yield from self._mark(self._words.popleft())
        yield from self._announce(len(self._begins))

    def _announce(self, pieces: int) -> Iterator[Spoken]:
        while self._spoken < min(pieces, len(self._begins)):
            yield Spoken(self._text[self._begin(self._spoken) : self._begin(self._spoken + 1)])
            self._spoken += 1

    def _mark(self, word: _Word) -> Iterator[TtsEvent]:
        yield from self._announce(word.piece + 1)
        if word.mark is not None:
            yield word.mark

    def _late_words(self) -> Iterator[TtsEvent]:
        while self._words and self._words[0].at < self.made:
            yield from self._mark(self._words.popleft())

    def _begin_word(self) -> None:
        """It goes on in the vendor's next message, but if it is the next one of the text, it is known where."""
        if not self._word:
            return
        begun = "".join(character.text for character in self._word)
        rest = self._text[self._located :]
        next_word = rest.lstrip()
        if next_word.startswith(begun):
            found = self._located + len(rest) - len(next_word)
            self._words.append(_Word(_position(self._word[0].start_ms), self._piece_at(found), None))

    def _end_word(self) -> None:
        if any(character.text.isalnum() for character in self._word):
            text = "".join(character.text for character in self._word)
            self._expect(text, self._word[0].start_ms, self._word[-1].end_ms)
        self._word.clear()

    def _expect(self, text: str, start_ms: float, end_ms: float) -> None:
        found = self._text.find(text, self._located, self._located + _REACH + len(text))
        piece = -1
        if found >= 0:
            piece = self._piece_at(found)
            self._located = found + len(text)
            self._known_at = (_position(end_ms), self._located)
        self._words.append(_Word(_position(start_ms), piece, WordMark(text, start_ms, end_ms)))

    def _shift(self, origin: Origin) -> float:
        begins = {"response": 0, "message": self.made, "flush": self._flush_from}
        return begins[origin] / BYTES_PER_MS

    def _begin(self, piece: int) -> int:
        return self._begins[piece] if piece < len(self._begins) else len(self._text)

    def _piece_at(self, position: int) -> int:
        return bisect_right(self._begins, position) - 1

    def _guess(self) -> None:
        """Pieces that have probably begun are due: at the pace of a slow voice, from where audio and text were last
        known to meet."""
        self._due = max(self._due, self._spoken)
        while self._due < len(self._begins):
            audio, text = self._known_at
            begin = self._begins[self._due]
            begun = audio + _position(self._ms_per_character * sum(map(_weight, self._text[text:begin])))
            if begun > self.made:
                return
            self._known_at = (begun, begin)
            self._due += 1


def texts_and_spans(texts: Sequence[str], spans: Iterable[tuple[float, float]]) -> tuple[Timing, ...]:
    """Timings from two lists of which one may be too short, with times in seconds."""
    pairs = zip(texts, spans, strict=False)
    return tuple(Timing(text, start * 1000, end * 1000) for text, (start, end) in pairs)


def _position(ms: float) -> int:
    """In the audio, in bytes, at a whole sample."""
    return BYTES_PER_SAMPLE * round(ms * BYTES_PER_MS / BYTES_PER_SAMPLE)


def _is_wide(character: str) -> bool:
    return character.isalnum() and east_asian_width(character[0]) in "WF"


def _weight(character: str) -> int:
    return _WIDE if _is_wide(character) else 1
