"""English text to the phoneme symbols of a Piper voice."""

import functools
import re
import unicodedata

from antiphon.providers.local.g2p.lexicon import Lexicon, Pronunciation
from antiphon.providers.local.g2p.normalize import PAUSES, spoken
from antiphon.providers.local.g2p.symbols import STRESS, symbols

_CACHED_WORDS = 20_000
_LONGEST_WORD = 40  # letters that are guessed of one word; nobody says more

_MODALS = (
    "to will would can could should shall may might must do don't does doesn't did didn't can't won't "
    "couldn't wouldn't shouldn't please let's i you we they i'll you'll we'll they'll he'll she'll it'll "
    "i'd you'd we'd"
)
_DETERMINERS = (
    "a an the my your his her its our their these those no any each every some of in on at for with by from "
    "what which new next current first last same more"
)
_AUXILIARIES = "have has had having i've you've we've they've is are was were be been being that's it's"

# After these words a word with several pronunciations has the first of these parts of speech that it knows.
_ROLES_AFTER = {
    **dict.fromkeys(_MODALS.split(), ("VB",)),
    **dict.fromkeys(_DETERMINERS.split(), ("NN", "JJ")),
    **dict.fromkeys(_AUXILIARIES.split(), ("VBD", "JJ", "NN")),
}

_FUNCTION_WORDS = (
    "a an the and or but nor to of for from at in on by with as than if is are was were be been am it it's "
    "i i'm i'll i'd i've you you're you'll you've your he she his her him we we're we'll we've our us they "
    "they're they'll their them my me its can could will would shall should may might must do does did has "
    "have had that's there's so"
)
_UNSTRESSED = frozenset(_FUNCTION_WORDS.split())  # unless a pause follows; then these are full, too:
_STRONG = {"can": "kˈæn", "to": "tˈuː", "for": "fˈɔːɹ", "of": "ˈʌv", "was": "wˈʌz", "from": "fɹˈʌm"}
_NO_STRESS = str.maketrans("", "", STRESS)
_THE_BEFORE_VOWEL = re.compile(r"(?<!\S)ðə (?=[ˈˌ]?[aeioæɐɑɔəɚɛɜɪʊʌ])")
_VOWEL_LETTER = re.compile("[aeiouy]")


class Phonemizer:
    """Thread-safe; a word costs some microseconds once it is known, a tenth of a millisecond before."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._known = functools.lru_cache(_CACHED_WORDS)(lexicon.look_up)
        self._word = functools.lru_cache(_CACHED_WORDS)(self._symbols)

    def __call__(self, text: str) -> str:
        """The symbols of `text`, one per character: words apart by spaces, pauses as `, ; : . ! ?`.

        Empty if nothing in it can be said. Meant for a sentence or a few: the work grows with the square of
        the length of an unbroken run.
        """
        tokens = spoken(text, self._is_word)
        words: list[str] = []
        for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
            if token not in PAUSES:
                words.append(self._token(before, token, after))
            elif words:
                words[-1] += token
        return _THE_BEFORE_VOWEL.sub("ðɪ ", " ".join(filter(None, words)))

    def _is_word(self, word: str) -> bool:
        return bool(self._known(word))

    def _token(self, before: str, token: str, after: str) -> str:
        if token[0].isupper():
            said: str = self._word(token, ("letter",))
            return said.replace("ˈ", "ˌ") if after[:1].isupper() else said
        said = self._word(token, _ROLES_AFTER.get(before, ()))
        if token not in _UNSTRESSED:
            return said
        if not after or after in PAUSES:
            return _STRONG.get(token, said)
        return said.translate(_NO_STRESS)

    def _symbols(self, word: str, roles: tuple[str, ...]) -> str:
        return symbols(self._phonemes(word.lower(), roles))

    def _phonemes(self, word: str, roles: tuple[str, ...] = ()) -> tuple[str, ...]:
        plain = "".join(
            char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char)
        )
        if known := self._known(word) or self._known(plain):
            return _chosen(known, roles).phonemes
        stem, apostrophe, ending = plain.partition("'")
        if ending == "s":
            phonemes = self._phonemes(stem, roles)
            return phonemes + _possessive(phonemes)
        if apostrophe:
            return self._phonemes(stem) + self._phonemes(ending)
        if len(plain) > 1 and not _VOWEL_LETTER.search(plain):
            return tuple(phoneme for letter in plain for phoneme in self._phonemes(letter, ("letter",)))
        return self._lexicon.guess(plain[:_LONGEST_WORD])


def _chosen(known: list[Pronunciation], roles: tuple[str, ...]) -> Pronunciation:
    """By the first role that one of them has, otherwise the most frequent one.

    That a word is a noun only tells it from a verb: adjectives come after determiners too ("an invalid key").
    """
    by_role = {pronunciation.role: pronunciation for pronunciation in reversed(known)}
    if "VB" not in by_role:
        roles = tuple(role for role in roles if role != "NN")
    return next((by_role[role] for role in roles if role in by_role), known[0])


def _possessive(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    last = phonemes[-1] if phonemes else ""
    if last in ("s", "z", "ʃ", "ʒ", "t͡ʃ", "d͡ʒ"):
        return ("ɪ", "z")
    return ("s",) if last in ("p", "t", "k", "f", "θ") else ("z",)
