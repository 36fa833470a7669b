"""Pronunciations of English words: a lexicon, and a model that guesses the rest.

The data are those of the package `gruut_lang_en` (MIT): `lexicon.db`, made from the CMU pronouncing
dictionary, and `g2p/model.crf`, a conditional random field over letters. They are read here without the
library `gruut`, which takes three seconds to import and scans the unindexed lexicon for every word.
"""

import base64
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pycrfsuite

# Where the lexicon is wrong or silent about a word that assistants say.
_CORRECTIONS = {
    "covid": "k ˈoʊ v ɪ d",
    "do": "d ˈu",
    "email": "ˈi m ˌeɪ l",
    "emails": "ˈi m ˌeɪ l z",
    "json": "d͡ʒ ˈeɪ s ə n",
    "miz": "m ɪ z",
    "new": "n ˈu",
    "nice": "n ˈaɪ s",
    "proceed": "p ɹ ə s ˈi d",
    "tonight": "t ə n ˈaɪ t",
    "won": "w ˈʌ n",
}
_NEIGHBOURS = 3  # letters on either side that the model looks at


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """Phonemes in IPA, each vowel with its stress mark; `role` is a Penn part of speech, or empty."""

    role: str
    phonemes: tuple[str, ...]


class Lexicon:
    """Thread-safe. Loading takes about a quarter of a second of CPU and 10 MB."""

    def __init__(self, lexicon: Path, model: Path) -> None:
        """`lexicon`: an SQLite file; `model`: of CRFsuite."""
        self._words = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, uri=True)
        self._words.execute("ATTACH ? AS source", (f"{lexicon.resolve().as_uri()}?mode=ro",))
        self._words.execute(
            "CREATE TABLE pronunciations (word TEXT, rank INTEGER, role TEXT, phonemes TEXT,"
            " PRIMARY KEY (word, rank)) WITHOUT ROWID"
        )
        self._words.execute(
            "INSERT INTO pronunciations SELECT word, pron_order, replace(role, 'gruut:', ''), phonemes"
            " FROM source.word_phonemes WHERE pron_order = 0 OR role <> '' ORDER BY word, pron_order"
        )
        self._words.execute("DETACH source")
        for word, phonemes in _CORRECTIONS.items():
            self._words.execute("DELETE FROM pronunciations WHERE word = ?", (word,))
            self._words.execute("INSERT INTO pronunciations VALUES (?, 0, '', ?)", (word, phonemes))
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(model))
        self._tagging = threading.Lock()

    def look_up(self, word: str) -> list[Pronunciation]:
        """The pronunciations of a word in lower case, the most frequent first; empty if it is unknown."""
        rows = self._words.execute(
            "SELECT role, phonemes FROM pronunciations WHERE word = ? ORDER BY rank", (word,)
        )
        return [Pronunciation(role, tuple(phonemes.split())) for role, phonemes in rows.fetchall()]

    def guess(self, word: str) -> tuple[str, ...]:
        """The likely phonemes of a word in lower case, from its spelling."""
        word = unicodedata.normalize("NFC", word)
        with self._tagging:
            labels = self._tagger.tag([dict(_features(word, at)) for at in range(len(word))])
        decoded = "|".join(base64.b64decode(label).decode() for label in labels)
        return tuple(phoneme for phoneme in decoded.split("|") if phoneme not in ("", "_"))


def _features(word: str, at: int) -> Iterator[tuple[str, str | bool | float]]:
    """What the model was trained to see of the letter `word[at]`."""
    yield "bias", 1.0
    yield "grapheme", _encoded(word[at])
    if at == 0:
        yield "begin", True
    if at == len(word) - 1:
        yield "end", True
    for distance in range(1, _NEIGHBOURS + 1):
        if at >= distance:
            yield f"grapheme-{distance}", _encoded(word[at - distance])
        if at + distance < len(word):
            yield f"grapheme+{distance}", _encoded(word[at + distance])


def _encoded(letter: str) -> str:
    return base64.b64encode(letter.encode()).decode()
