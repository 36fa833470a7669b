"""What the words of a turn say about its end: "my number is five five" goes on, "no, thanks" does not.

It is the second opinion, next to how the words sound. Transcripts of speech that breaks off are often wrong in
their last word, so what is looked at is little and plain.
"""

import re
import unicodedata
from enum import Enum, auto

from antiphon.engine.vocabulary import VOCABULARIES, Vocabulary

_CLOSING = ".!。！"
_ASKING = "?？؟"
_LEADING_ON = (",", ":", "…", "...", "-", "–", "—", "、", "،")
_QUOTES = "\"'”’»)"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*['’]?")
_FEWEST_DIGITS = 2  # one may be a quantity
_MOST_DIGITS = 6  # a telephone number has more: from there on it may be complete
_LONGEST_ANSWER = 4  # words


class Wording(Enum):
    GOES_ON = auto()  # more must follow: "and", "the", a comma, half a number
    OPEN = auto()  # written as sentences, the last of which has no end
    SAYS_NOTHING = auto()
    COMPLETE = auto()  # a question, or an answer in itself: "yes", "no thanks"


def wording_of(text: str, language: str | None = None) -> Wording:
    """Judges the transcript of a turn so far. `language` is an ISO 639-1 code or a longer tag; without it the
    words themselves tell. In a language without a vocabulary here, punctuation decides alone."""
    text = unicodedata.normalize("NFC", text).strip()
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
    if not words:
        return Wording.SAYS_NOTHING
    bare = text.rstrip(_QUOTES)
    vocabulary = _vocabulary(words, language)
    closed = bare.endswith(tuple(_CLOSING)) and not bare.endswith("...")
    if bare.endswith(_LEADING_ON) or _breaks_off(words, vocabulary, closed) or _counts(text, vocabulary):
        return Wording.GOES_ON
    if bare.endswith(tuple(_ASKING)) or _answers(words, vocabulary):
        return Wording.COMPLETE
    if not closed and _writes_sentences(text, words):
        return Wording.OPEN
    return Wording.SAYS_NOTHING


def _vocabulary(words: list[str], language: str | None) -> Vocabulary:
    if language is not None:
        return VOCABULARIES.get(language.split("-")[0].lower(), Vocabulary())
    return max(VOCABULARIES.values(), key=lambda vocabulary: sum(word in vocabulary.all for word in words))


def _breaks_off(words: list[str], vocabulary: Vocabulary, closed: bool) -> bool:
    """A recogniser puts a full stop behind anything, so a word that ends no sentence counts in spite of one."""
    last = words[-1]
    return last in vocabulary.never_last or (last in vocabulary.seldom_last and not closed)


def _counts(text: str, vocabulary: Vocabulary) -> bool:
    """Whether the text ends in a few digits spoken one by one, as telephone numbers, codes and years are."""
    digits = 0
    for word in reversed(_WORD.findall(text.casefold())):
        if word in vocabulary.digits:
            digits += 1
        elif word.isdecimal() and len(word) <= _MOST_DIGITS:
            digits += len(word)
        else:
            break
    groups = re.search(r"\d[\d\s-]*[\s-]\d+\W*$", text) is not None
    spelt = digits >= _FEWEST_DIGITS and (groups or not text.rstrip(" .")[-1].isdecimal())
    return spelt and digits <= _MOST_DIGITS


def _answers(words: list[str], vocabulary: Vocabulary) -> bool:
    """Yes, no, thanks and their like, alone or together; or a turn that ends in a thank-you."""
    if len(words) <= _LONGEST_ANSWER and all(word in vocabulary.answers for word in words):
        return True
    return " ".join(words).endswith(vocabulary.farewells)


def _writes_sentences(text: str, words: list[str]) -> bool:
    """Whether the recogniser writes capitals and punctuation at all: only then does a missing mark say something."""
    if len(words) == 1:
        return False
    starts_big = text[0].isupper() and words[0] != "i" and not words[0].startswith("i'")
    return starts_big or any(mark in text for mark in ",.?!¿¡")
