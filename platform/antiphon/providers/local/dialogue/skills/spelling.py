"""Spells a word, letter by letter."""

import re
from collections.abc import Iterator
from string import ascii_uppercase

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.numbers import cardinal
from antiphon.providers.local.dialogue.skills import memory

_SPELL = re.compile(
    r"(?:spell|how (?:do|would|can) (?:you|i|we) spell|what is the spelling of"
    r"|how is)(?: out)?(?: the (?:word|name))?"
    r" (?P<words>.+?)(?: spelled| spelt)?"
)
_HOW_IS = re.compile(r"how is .+(?<! spelled)(?<! spelt)")
_ALPHABET = re.compile(
    r"(?:say|recite|tell me|what is|give me|sing|repeat)(?: me)? (?:the|your) (?:alphabet|abc"
    r"|abcs|a b c)(?: song)?"
)


def match(utterance: Utterance, context: Context) -> Iterator[str] | str | None:
    if _ALPHABET.fullmatch(utterance.core):
        return _letters(ascii_uppercase)
    found = _SPELL.fullmatch(utterance.core)
    if found is None or _HOW_IS.fullmatch(utterance.core):
        return None
    words = found["words"]
    if words == "my name":
        words = memory.user_name(context) or ""
        if not words:
            return "You haven't told me your name yet. What is it?"
    elif words == "your name":
        words = context.persona.name
    return _letters(words)


def _letters(words: str) -> Iterator[str]:
    spelled = [cardinal(int(c)) if c.isdecimal() else c.upper() for c in words if c.isalnum()]
    yield from (f"{letter}," for letter in spelled[:-1])
    yield from (f"{letter}." for letter in spelled[-1:])
