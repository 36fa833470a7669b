"""Numbers in what people say: runs of digits, written ("555 0100") or as words ("five five five, oh one"), in
English and German. A run knows which characters each of its digits came from.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_UNITS = {
    **dict.fromkeys(["zero", "oh", "null", "nought"], "0"),
    **dict.fromkeys(["one", "eins", "ein"], "1"),
    **dict.fromkeys(["two", "zwei", "zwo"], "2"),
    **dict.fromkeys(["three", "drei"], "3"),
    **dict.fromkeys(["four", "vier"], "4"),
    **dict.fromkeys(["five", "fünf", "fuenf"], "5"),
    **dict.fromkeys(["six", "sechs"], "6"),
    **dict.fromkeys(["seven", "sieben"], "7"),
    **dict.fromkeys(["eight", "acht"], "8"),
    **dict.fromkeys(["nine", "niner", "neun"], "9"),
}
_TEENS = {
    **dict.fromkeys(["ten", "zehn"], "10"),
    **dict.fromkeys(["eleven", "elf"], "11"),
    **dict.fromkeys(["twelve", "zwölf"], "12"),
    **dict.fromkeys(["thirteen", "dreizehn"], "13"),
    **dict.fromkeys(["fourteen", "vierzehn"], "14"),
    **dict.fromkeys(["fifteen", "fünfzehn"], "15"),
    **dict.fromkeys(["sixteen", "sechzehn"], "16"),
    **dict.fromkeys(["seventeen", "siebzehn"], "17"),
    **dict.fromkeys(["eighteen", "achtzehn"], "18"),
    **dict.fromkeys(["nineteen", "neunzehn"], "19"),
}
_TENS = {
    **dict.fromkeys(["twenty", "zwanzig"], "2"),
    **dict.fromkeys(["thirty", "dreißig", "dreissig"], "3"),
    **dict.fromkeys(["forty", "fourty", "vierzig"], "4"),
    **dict.fromkeys(["fifty", "fünfzig"], "5"),
    **dict.fromkeys(["sixty", "sechzig"], "6"),
    **dict.fromkeys(["seventy", "siebzig"], "7"),
    **dict.fromkeys(["eighty", "achtzig"], "8"),
    **dict.fromkeys(["ninety", "neunzig"], "9"),
}
_TIMES = {"double": 2, "doppel": 2, "triple": 3, "treble": 3}
_ENGLISH_TENS = "|".join(ten for ten in _TENS if ten.endswith("y"))
_GERMAN_TENS = "|".join(ten for ten in _TENS if ten.endswith("ig"))
_GERMAN_UNITS = "ein|zwei|drei|vier|fünf|fuenf|sechs|sieben|acht|neun"
_UNIT_AND_TEN = re.compile(rf"({_GERMAN_UNITS})und({_GERMAN_TENS})")

NUMBER_WORD = "|".join(
    [
        rf"(?:{_GERMAN_UNITS})und(?:{_GERMAN_TENS})",
        rf"(?:{_ENGLISH_TENS})[ -](?:one|two|three|four|five|six|seven|eight|nine)",
        *sorted([*_UNITS, *_TEENS, *_TENS], key=len, reverse=True),
    ]
)
"""A pattern of a number said as a word or two."""

_TOKEN = re.compile(
    rf"(?P<money>[$€£]\s?\d[\d.,]*|\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?)"
    rf"|(?P<digits>\d+)"
    rf"|(?P<times>\b(?:{'|'.join(_TIMES)})\s+)?\b(?P<word>{NUMBER_WORD})\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    r"(?:[\s.,()/\-–—]|\.\.\.|\b(?:uh|um|er|ähm?|and then|then|und dann|dann)\b){0,6}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Token:
    """One number of a run: what it comes to in digits. `is_said`: it is a word."""

    start: int
    end: int
    digits: str
    is_said: bool


@dataclass(slots=True)
class Run:
    """Numbers with nothing between them but what people put between the parts of one number."""

    tokens: list[Token] = field(default_factory=list)

    @property
    def digits(self) -> str:
        return "".join(token.digits for token in self.tokens)

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def groups(self) -> tuple[int, ...]:
        return tuple(len(token.digits) for token in self.tokens)

    @property
    def is_dictated(self) -> bool:
        """One digit after the other, or nearly, as people say what is no quantity."""
        return len(self.tokens) >= 4 and len(self.digits) <= 2 * len(self.tokens)

    def windows(self, shortest: int, longest: int) -> "Iterator[Run]":
        """All parts of it, of whole numbers, that have so many digits; of those with one beginning the longest
        first."""
        for first in range(len(self.tokens)):
            parts, digits = [], 0
            for last in range(first, len(self.tokens)):
                digits += len(self.tokens[last].digits)
                if digits > longest:
                    break
                if digits >= shortest:
                    parts.append(Run(self.tokens[first : last + 1]))
            yield from reversed(parts)


def runs(text: str) -> Iterator[Run]:
    """Of three digits or more, in order."""
    run = Run()
    for token in _tokens(text):
        if run.tokens and (token is None or not _BETWEEN.fullmatch(text, run.end, token.start)):
            if len(run.digits) >= 3:
                yield run
            run = Run()
        if token is not None:
            run.tokens.append(token)
    if len(run.digits) >= 3:
        yield run


def _tokens(text: str) -> Iterator[Token | None]:
    """None for a number that is a quantity: it ends a run."""
    for found in _TOKEN.finditer(text):
        if found["money"]:
            yield None
        elif found["digits"]:
            yield Token(found.start(), found.end(), found["digits"], False)
        else:
            times = _TIMES[found["times"].strip().lower()] if found["times"] else 1
            yield Token(found.start(), found.end(), _digits_of(found["word"].lower()) * times, True)


def _digits_of(word: str) -> str:
    if german := _UNIT_AND_TEN.fullmatch(word):
        return _TENS[german[2]] + _UNITS[german[1]]
    ten, _, unit = word.replace("-", " ").partition(" ")
    if unit:
        return _TENS[ten] + _UNITS[unit]
    return _UNITS.get(word) or _TEENS.get(word) or _TENS[word] + "0"
