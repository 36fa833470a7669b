"""Tells a story, short or long, about whatever the user likes."""

import re
from collections.abc import Iterator

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.scenes import SCENES
from antiphon.providers.local.dialogue.tale import compose

_VERB = (
    r"(?:(?:tell|read|give|make up|invent)(?: me| us)?"
    r"|i (?:want|would like|would love)(?: to hear)?|let us hear)"
)
_ADJECTIVES = r"(?P<size>(?:[a-z]+ ){0,5}?)"
_LENGTH = r"(?P<size_after>(?:(?:really|very|quite|nice) )*(?:long|short|brief)[a-z ]*)"
_AFTER = rf"(?: (?:that (?:is|lasts|takes) )?{_LENGTH})?"
_ASKS = re.compile(
    rf"(?:{_VERB} )?(?:an?|another|some|the|your|one|1)? ?{_ADJECTIVES}(?:story|stories|tale|fairy tale)"
    rf"{_AFTER}(?: (?:about|of|with|on) (?P<topic>.+))?"
)
_TALK = re.compile(r"(?:talk|speak)(?: to me)? (?:for|until) .+")
_MOST = re.compile(
    r"\b(?:very|really|extremely|super|endless|longest|incredibly)\b|\blong.*\blong\b|as long as"
)
_LONG = re.compile(r"\blong")
_SHORT = re.compile(r"\b(?:short|brief|quick|tiny|little|small)")
_YOURS = {"my": "your", "me": "you", "i": "you", "mine": "yours"}


def match(utterance: Utterance, context: Context) -> Iterator[str] | None:
    if _TALK.fullmatch(utterance.core):
        return compose(context.random(utterance), stops=len(SCENES))
    asked = _ASKS.fullmatch(utterance.core)
    if asked is None:
        return None
    topic = asked["topic"]
    if topic:
        topic = " ".join(_YOURS.get(word.lower(), word) for word in utterance.cased(topic).split())
    size = f"{asked['size']} {asked['size_after'] or ''}"
    return compose(context.random(utterance), stops=_stops(size), topic=topic)


def _stops(size: str) -> int:
    if _SHORT.search(size):
        return 1
    if _LONG.search(size) or _MOST.search(size):
        return len(SCENES) if _MOST.search(size) else 6
    return 3
