"""What the words of a turn say about its end: "my number is five five" goes on, "no, thanks" does not.

It is the second opinion, next to how the words sound. Transcripts of speech that breaks off are often wrong in
their last word, so what is looked at is little and plain.
"""

import re
import unicodedata
from enum import Enum, auto

from antiphon.engine.vocabulary import VOCABULARIES, Vocabulary

_LEADING_ON = (",", ":", "…", "...", "-", "–", "—", "、", "،")
_CLOSING = (".", "!", "。", "！")
_ASKING = ("?", "？", "؟")
_MARKS = ",.?!¿¡"
_QUOTES = "\"'”’»)"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*['’]?")
_FEWEST_GROUPS = 2  # of digits: a single number may be a quantity
_MOST_DIGITS = 6  # a telephone number has more: from there on it may be complete
_LONGEST_ANSWER = 4  # words


class Wording(Enum):
    UNFINISHED = auto()  # more must follow: "and", "the", a comma, half a number
    SAYS_NOTHING = auto()
    COMPLETE = auto()  # a question, or an answer in itself: "yes", "no thanks"


def wording_of(text: str, language: str | None = None) -> Wording:
    """Judges the transcript of a turn so far, punctuated or not.

    `language` is an ISO 639-1 code or a longer tag; without it the words themselves tell. In a language without
    a vocabulary here, punctuation decides alone.
    """
    text = unicodedata.normalize("NFC", text).strip()
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
    if not words:
        return Wording.SAYS_NOTHING
    vocabulary = _vocabulary(words, language)
    ending = text.rstrip(_QUOTES)
    if ending.endswith(_LEADING_ON):
        return Wording.UNFINISHED
    if _answers(words, vocabulary):
        return Wording.COMPLETE
    marked = ending.endswith((*_CLOSING, *_ASKING))
    if _breaks_off(words[-1], vocabulary, marked) or _counts(words, vocabulary):
        return Wording.UNFINISHED
    if ending.endswith(_ASKING):
        return Wording.COMPLETE
    return Wording.UNFINISHED if _writes_sentences(text, words) and not marked else Wording.SAYS_NOTHING


def _vocabulary(words: list[str], language: str | None) -> Vocabulary:
    if language is not None:
        return VOCABULARIES.get(language.split("-")[0].lower(), Vocabulary())
    return max(VOCABULARIES.values(), key=lambda vocabulary: sum(word in vocabulary.all for word in words))


def _answers(words: list[str], vocabulary: Vocabulary) -> bool:
    """Yes, no, thanks and their like, alone or together; or a turn that ends in a thank-you."""
    if len(words) <= _LONGEST_ANSWER and all(word in vocabulary.answers for word in words):
        return True
    return f" {' '.join(words)}".endswith(tuple(f" {farewell}" for farewell in vocabulary.farewells))


def _breaks_off(last: str, vocabulary: Vocabulary, marked: bool) -> bool:
    """A recogniser puts a full stop behind anything, so a word that ends no sentence counts in spite of one."""
    return last in vocabulary.never_last or (last in vocabulary.seldom_last and not marked)


def _counts(words: list[str], vocabulary: Vocabulary) -> bool:
    """Whether the text ends in a few digits said one after the other, as telephone numbers and codes are."""
    groups = digits = 0
    for word in reversed(words):
        if word not in vocabulary.digits and not word.isdecimal():
            break
        groups += 1
        digits += len(word) if word.isdecimal() else 1
    return groups >= _FEWEST_GROUPS and digits <= _MOST_DIGITS


def _writes_sentences(text: str, words: list[str]) -> bool:
    """Whether the recogniser writes capitals and marks at all: only then does a missing one say something."""
    if len(words) == 1:
        return False
    starts_big = text[0].isupper() and words[0].partition("'")[0] != "i"  # English has "I" anywhere
    return starts_big or any(mark in text for mark in _MARKS)
