"""Cuts a model's text into pieces for the voice while the text is still arriving.

The first piece is short, so that the first audio comes early; the next ones grow, because by then there is
audio in hand to cover their synthesis. A cut is made only where a word begins, so what is written without
white space (3.5, 1,000, 3:45, U.S., an address) stays whole.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

_CLOSERS = "\"'”’»›)]}」』）】》*_~`"
_OPENERS = "\"'“‘«‹([{「『（【《*_~`"
_SENTENCE_MARKS = tuple(".!?。！？．｡।॥؟۔።။")
_CLAUSE_MARKS = tuple(",;:，、；：،؛—–…")
_UNSPACED_MARKS = frozenset("。！？．｡।॥။，、；：—")  # a new word may follow them directly

# Tokens that end in a full stop without ending a sentence, as they are written.
_ABBREVIATIONS = (
    "Dr. Mr. Mrs. Ms. Mx. Prof. Rev. Hon. Gen. Col. Capt. Lt. Sgt. Gov. Sen. Rep. St. Mt. Ft. Jr. Sr. "
    "Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec. Inc. Ltd. Co. Corp. Bros. Dept. Univ. "
    "Ave. Blvd. Rd. vs. approx. est. incl. excl. ca. cf. al. resp."
)
_BEFORE_NUMBERS = "No. Nos. Nr. no. nos. p. pp. Fig. Figs. Vol. Ch. Sec. Art. Eq."
_NEVER_LAST = frozenset(_ABBREVIATIONS.split())
_LAST_UNLESS_NUMBERED = frozenset(_BEFORE_NUMBERS.split())
_DOTTED_LETTERS = re.compile(r"(?:[^\W\d_]\.){2,}")  # e.g., U.S., p.m.
_INITIAL = re.compile(r"[A-HJ-Z]\.")  # J. R. Smith; "So do I." does end a sentence
_LIST_NUMBER = re.compile(r"\d{1,3}\.")

_LONGEST_PIECE = 400  # from this size on even a doubtful gap is taken
_LONGEST_TOKEN = 300  # an unbroken run of this many characters is cut anywhere: nobody reads it out


class _End(Enum):
    """What the word before a gap ends."""

    SENTENCE = "sentence"
    CLAUSE = "clause"
    WORD = "word"
    NOTHING = "nothing"  # an abbreviation, a number in several parts and the like


def _shortest(end: _End, said: int) -> int:
    """The size from which a piece may end like this, when `said` is the size of all pieces before it.

    Sizes are in Latin letters (see `_weight`): 60 are about eleven words or three seconds. Pieces grow with
    what was said before, because its audio has to last while the next one is made.
    """
    match end:
        case _End.SENTENCE:
            return min(said // 2, 30)
        case _End.CLAUSE:
            return min(max(said, 5), 80)
        case _End.WORD:
            return min(max(2 * said, 60), 200)
        case _End.NOTHING:
            return _LONGEST_PIECE


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where the piece ends if what follows has something to speak."""

    position: int
    unless_digit: bool  # not if that begins with a digit


class Speakable:
    """Cuts the text of one response.

    The pieces, with the flushed one, join to exactly the text that was pushed, and don't depend on how it was
    split into deltas. Each has something to speak in it, unless the whole text has nothing. Work is linear in
    the length of the text.
    """

    def __init__(self) -> None:
        self._said = 0  # the size of the pieces so far
        self._chars: list[str] = []  # the piece in progress
        self._size = 0
        self._speaks = False  # whether it has a letter or a digit yet
        self._token: list[str] = []  # the word in progress, or the last one during a gap
        self._token_is_first = True  # of its line
        self._gap = True  # white space is in progress
        self._line_break = True  # the gap in progress has one
        self._may_start = False  # an unspaced mark came, and nothing but closers since
        self._cut: _Cut | None = None

    def push(self, delta: str) -> list[str]:
        """Adds text; returns the pieces that it completes."""
        return [piece for char in delta if (piece := self._add(char)) is not None]

    def flush(self) -> list[str]:
        """Says that the text is over; returns the last piece, if there is one."""
        rest, self._chars = "".join(self._chars), []
        return [rest] if rest else []

    def _add(self, char: str) -> str | None:
        piece = None
        if char.isspace():
            self._line_break = (self._gap and self._line_break) or char in "\n\r\u2029"
            self._gap = True
        else:
            if self._starts_word(char):
                self._start_word()
            if char.isalnum():
                piece = self._take(char)
                self._speaks = True
            self._token.append(char)
            self._may_start = char in _UNSPACED_MARKS or (self._may_start and char in _CLOSERS)
        self._chars.append(char)
        self._size += _weight(char)
        return piece

    def _starts_word(self, char: str) -> bool:
        if self._gap:
            return True
        if self._may_start and char not in _CLOSERS and char not in _SENTENCE_MARKS + _CLAUSE_MARKS:
            return True
        if len(self._token) >= _LONGEST_TOKEN:
            return char.isalnum()
        return _is_ideographic(char) and _is_ideographic(self._token[-1])

    def _start_word(self) -> None:
        if self._speaks and self._cut is None:
            token = "".join(self._token).lstrip(_OPENERS)
            end = self._end(token)
            if self._size >= _shortest(end, self._said):
                inside_number = not self._gap and token[-2:-1].isdigit()  # 12：30
                joined = end is _End.WORD or inside_number or token in _LAST_UNLESS_NUMBERED
                self._cut = _Cut(len(self._chars), unless_digit=joined and self._size < _LONGEST_PIECE)
        self._token_is_first = self._gap and self._line_break
        self._token = []
        self._gap = False
        self._may_start = False

    def _end(self, token: str) -> _End:
        """What the word `token` ends, now that another one follows."""
        if self._gap and self._line_break:
            return _End.SENTENCE
        bare = token.rstrip(_CLOSERS)
        if self._token_is_first and (_LIST_NUMBER.fullmatch(bare) or not any(map(str.isalnum, token))):
            return _End.NOTHING
        if bare in _NEVER_LAST or _DOTTED_LETTERS.fullmatch(bare) or _INITIAL.fullmatch(bare):
            return _End.NOTHING
        if bare.endswith(("...", *_CLAUSE_MARKS)) or set(bare) == {"-"}:
            return _End.CLAUSE
        if bare.endswith(_SENTENCE_MARKS):
            return _End.SENTENCE
        return _End.NOTHING if bare[-1:].isdigit() else _End.WORD

    def _take(self, char: str) -> str | None:
        """The finished piece, if one waited for something to speak after it: `char`."""
        cut, self._cut = self._cut, None
        if cut is None or (cut.unless_digit and char.isdigit()):
            return None
        piece = "".join(self._chars[: cut.position])
        self._chars = self._chars[cut.position :]
        self._said += self._size - len(self._chars)
        self._size = len(self._chars)
        return piece


def _weight(char: str) -> int:
    """The length of a character in Latin letters: an ideograph or a Korean syllable counts as three."""
    return 3 if char >= "\u1100" and unicodedata.east_asian_width(char) in "WF" else 1


def _is_ideographic(char: str) -> bool:
    """Whether it is of a script that writes words without spaces: kana and Han."""
    return (
        "\u3041" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U0003ffff"
    )
