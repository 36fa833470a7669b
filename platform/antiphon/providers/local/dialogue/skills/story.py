"""Tells a story, short or long, about whatever the user likes."""

import re
from collections.abc import Iterator

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance, cased_words
from antiphon.providers.local.dialogue.scenes import SCENES
from antiphon.providers.local.dialogue.tale import compose

_ASKS = re.compile(
    r"(?:tell|read|give|make up|invent|let us hear|i want|i would like|i would love)?(?: me"
    r"| us)?(?: to hear)?(?: up)? ?"
    r"(?:a|another|some|the|your|an|one|1)? ?(?P<size>(?:[a-z]+ ){0,5}?)(?:story|stories|tale|fairy tale)"
    r"(?: (?:that (?:is|lasts|takes) )?(?P<size_after>(?:(?:really|very|extremely|as|quite"
    r"|super|nice|and) )*(?:long|short|brief|quick)[a-z ]*))?"
    r"(?: (?:about|of|with|on) (?P<topic>.+))?"
)
_MOST = re.compile(
    r"\b(?:very|really|extremely|super|endless|longest|incredibly)\b.*|\blong.*\blong\b|as long as"
)
_LONG = re.compile(r"\blong")
_SHORT = re.compile(r"\b(?:short|shorter|brief|quick|tiny|little|small)\b")
_YOURS = {"my": "your", "me": "you", "i": "you", "mine": "yours"}


def match(utterance: Utterance, context: Context) -> Iterator[str] | None:
    asked = _ASKS.fullmatch(utterance.core)
    if asked is None:
        return None
    topic = asked["topic"]
    if topic:
        topic = " ".join(_YOURS.get(word.lower(), word) for word in _cased(topic, utterance).split())
    size = f"{asked['size']} {asked['size_after'] or ''}"
    return compose(context.random(utterance), stops=_stops(size), topic=topic)


def _cased(topic: str, utterance: Utterance) -> str:
    """The topic with the capitals that it had."""
    text = " ".join(cased_words(utterance.text))
    start = text.lower().rfind(topic)
    return text[start : start + len(topic)]


def _stops(size: str) -> int:
    if _SHORT.search(size):
        return 1
    if _LONG.search(size) or _MOST.search(size):
        return len(SCENES) if _MOST.search(size) else 6
    return 3
