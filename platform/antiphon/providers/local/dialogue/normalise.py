"""From what a recogniser wrote to words that patterns can rely on.

Recognisers differ in casing, punctuation and contractions, and people say "um", "please" and "could you".
None of that changes what is asked, so it is taken away here, once, and skills match on what is left.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from antiphon.providers.local.dialogue.numbers import to_digits

_WORD = re.compile(
    r"\d{4}-\d\d-\d\d|\d+:\d\d|\d+(?:st|nd|rd|th)\b|\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*|[-+*/^=×÷%]"
)

_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"[’‘`´]", "'"),
        (r"−", "-"),
        (r"\b([ap])\.\s?m\b\.?", r"\1m"),
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"\$\s?(\d[\d.]*)", r"\1 dollars"),
        (r"€\s?(\d[\d.]*)", r"\1 euros"),
        (r"°\s?c\b", " degrees celsius"),
        (r"°\s?f\b", " degrees fahrenheit"),
        (r"°", " degrees "),
        (r"(?<=[^\W\d_])-(?=[^\W\d_])", " "),
        (r"\bcan't\b|\bcant\b|\bcannot\b", "can not"),
        (r"\bwon't\b|\bwont\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(do|does|did|is|are|was|could|would|should|have|has)nt\b", r"\1 not"),
        (r"\b(i)'?m\b", r"\1 am"),
        (r"\b(you|we|they|how|what|who|where)'?re\b(?<!were)", r"\1 are"),
        (r"'ll\b", " will"),
        (r"'ve\b", " have"),
        (r"\bive\b", "i have"),
        (r"\b(i|you|we|they)'d\b", r"\1 would"),
        (r"\b(what|who|where|when|how|that|there)'?s\b", r"\1 is"),
        (r"\b(it|he|she|here|name|time|today|tomorrow|yesterday)'s\b", r"\1 is"),
        (r"\blet'?s\b", "let us"),
        (r"\bwanna\b", "want to"),
        (r"\bgonna\b", "going to"),
        (r"\bgimme\b", "give me"),
        (r"\bfavourite\b", "favorite"),
        (r"\bcolour\b", "color"),
    )
)

_FILLERS = frozenset(("um", "umm", "uh", "uhm", "erm", "er", "hmm", "hm", "mhm", "ah", "eh")) | {
    "please",
    "kindly",
    "actually",
    "basically",
}

_OPENER = (
    r"(?:can|could|would|will) you(?: now| just| maybe| also| quickly)?"
    r"|(?:tell me|let me know|i was wondering|i wonder)(?= (?:what|who|how|when|where|which)\b)"
    r"|i (?:would like|want|need) you to|i (?:would like|want) to know|do you (?:happen to )?know"
    r"|(?:hi|hello|hey)(?: there| again)?|good (?:morning|afternoon|evening)"
    r"|okay|ok|so|well|and|now|then|oh|right|alright|yeah|yes|no|great|cool|thanks|thank you|sorry"
    r"|go ahead and"
)
_CLOSERS = re.compile(
    r"(?<=\w) (?:for me|for us|then|thanks|thank you|if you can|if you could|right now|again now)$"
)
LONGEST_REQUEST = 400
"""Characters; whatever is longer is no request that could be understood, only text to be repeated."""

_VOCATIVE = re.compile(r",\s*([\w' -]+)\W*$")


@dataclass(frozen=True)
class Utterance:
    """What the user said, in the forms that skills match on; all but `text` cover its first LONGEST_REQUEST
    characters, and are made when they are first asked for.

    text: as it was heard, in one line, for everything that is said back.
    names: those under which the assistant is spoken to, lower case ("hey Ava, what time is it").
    """

    text: str
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, names: Sequence[str] = ()) -> "Utterance":
        return cls(" ".join(text.split()), tuple(name.lower() for name in names))

    @cached_property
    def plain(self) -> str:
        """Lower case words, contractions written out, fillers gone."""
        return " ".join(words(self.text[:LONGEST_REQUEST]))

    @cached_property
    def core(self) -> str:
        """`plain` without names, greetings, polite openers and closers around the request."""
        text = _VOCATIVE.sub(
            lambda found: "" if found[1].lower() in self.names else found[0], self.text[:LONGEST_REQUEST]
        )
        opener = "|".join([_OPENER, *map(re.escape, self.names)])
        return _CLOSERS.sub("", re.sub(rf"^(?:(?:{opener}) (?=\w))+", "", " ".join(words(text))))

    @cached_property
    def digits(self) -> str:
        """`core` with spoken numbers written in digits."""
        return " ".join(to_digits(self.core.split()))

    def cased(self, part: str) -> str:
        """Words of the normalised text, with the capitals that they had: "my cat Rex" for "my cat rex"."""
        text = " ".join(cased_words(self.text[:LONGEST_REQUEST]))
        start = text.lower().rfind(part)
        return text[start : start + len(part)] if start >= 0 else part


def words(text: str) -> list[str]:
    """Lower case words without punctuation; contractions are written out and fillers dropped."""
    return [word.lower() for word in cased_words(text)]


def cased_words(text: str) -> list[str]:
    """As `words`, but every word keeps its case, which tells names from other words."""
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return [word for word in _WORD.findall(text) if word.lower() not in _FILLERS]


def sentences(text: str) -> list[str]:
    """The sentences of a text, by the punctuation in it; a text without any is one sentence."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
