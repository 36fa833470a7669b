"""What to say when nothing else fits: what was heard, and what is possible."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance

_MOST_WORDS = 20
_OFFERS = (
    "You could ask me for the time, a sum, or a story.",
    "A full model could take it from there, once a provider key is set.",
    "Try asking what I can do.",
)
_NEEDS_A_TOOL = re.compile(
    r"\b(?:weather|forecast|rain(?:ing)?|snow(?:ing)?|news|stocks?|traffic|flights?|email|alarm|timer)\b"
)


def answer(utterance: Utterance, context: Context) -> str:
    if not utterance.plain:
        return "Sorry, I didn't catch that. Could you say it again?"
    heard = utterance.text.split()
    reflected = " ".join(heard[:_MOST_WORDS]).rstrip(".,;:!?")
    if len(heard) > _MOST_WORDS:
        reflected += ", and so on"
    if _NEEDS_A_TOOL.search(utterance.plain):
        return f"I heard: {reflected}. I can't do that by myself, but give me a tool for it and I'll use it."
    if not context.heard:
        return (
            f"I heard: {reflected}. I'm only the built-in stand-in until a provider key is set, so I "
            f"can't answer "
            f"that. {_OFFERS[0]}"
        )
    offer = _OFFERS[len(context.heard) % len(_OFFERS)]
    return f"I heard: {reflected}. That's beyond a stand-in like me. {offer}"
