"""From the phonemes of the lexicon to the symbols that Piper's American voices were taught.

The lexicon writes broad transcriptions (`ˈɑ`, `ˈɚ`, `t`); the voices learnt from espeak-ng's, which mark
length, the stressed r-coloured vowel, flaps and reduced vowels (`ˈɑː`, `ˈɜː`, `ɾ`, `ᵻ`).
"""

from collections.abc import Sequence

STRESS = "ˈˌ"
_VOWELS = frozenset(("eɪ", "aɪ", "ɔɪ", "aʊ", "oʊ", *"iuɑɔæɛɪʊʌəɚ"))
_LONG = {"u": "uː", "ɑ": "ɑː", "ɔ": "ɔː"}


def is_vowel(phoneme: str) -> bool:
    return phoneme.lstrip(STRESS) in _VOWELS


def symbols(phonemes: Sequence[str]) -> str:
    """The symbols of one word; every character is one symbol of the voice."""
    return "".join(_symbol(phonemes, at) for at in range(len(phonemes)))


def _symbol(phonemes: Sequence[str], at: int) -> str:
    bare = phonemes[at].lstrip(STRESS)
    stress = phonemes[at][: len(phonemes[at]) - len(bare)]
    following = phonemes[at + 1] if at + 1 < len(phonemes) else ""
    ends = at + 2 == len(phonemes)  # one phoneme follows
    match bare:
        case "i":
            return f"{stress}iː" if stress else "i"
        case "u" | "ɑ" | "ɔ":
            return stress + _LONG[bare]
        case "ɚ":
            return (f"{stress}ɜː" if stress else "ɚ") + ("ɹ" if is_vowel(following) else "")
        case "ə" if at == 0:
            return "ɐ"
        case "ɪ" if not stress and ends and following in ("z", "d"):
            return "ᵻ"
        case "t" if (
            at and _is_sonorant(phonemes[at - 1]) and is_vowel(following) and following[0] not in STRESS
        ):
            return "ɾ"
        case _:
            return stress + bare.replace("\u0361", "")


def _is_weak_vowel(phoneme: str) -> bool:
    return is_vowel(phoneme) and phoneme[0] not in STRESS


def _is_sonorant(phoneme: str) -> bool:
    return is_vowel(phoneme) or phoneme == "ɹ"
