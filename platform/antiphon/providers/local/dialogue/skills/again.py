"""Says the last answer once more, or what the user said before."""

import re
from collections.abc import Iterator

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance

_LAST = r"(?:that|it|this|yourself|(?:your|the) last (?:answer|sentence|bit|part|thing)(?: you said)?)"
_AGAIN = re.compile(
    rf"(?:say|repeat) {_LAST}(?: (?:again|once more|one more time|exactly|slowly|back))*"
    r"|repeat|say again|come again|what did you (?:just )?say|what was that|again|once more|one more time"
    r"|pardon(?: me)?|excuse me|i beg your pardon|what|sorry|huh"
    r"|(?:i )?(?:did not|could not|can not) (?:hear|catch|understand) (?:that|you|it)"
)
_WHAT_I_SAID = re.compile(
    r"what did i (?:just )?(?:say|ask|tell you)(?: just now| before| last)?|repeat what i (?:just )?said"
)


def match(utterance: Utterance, context: Context) -> Iterator[str] | str | None:
    if _AGAIN.fullmatch(utterance.core):
        if not context.last_said:
            return "I haven't said anything yet. What can I do for you?"
        return iter(context.last_said.split())
    if _WHAT_I_SAID.fullmatch(utterance.core):
        if not context.heard:
            return "You haven't said anything before that."
        return f"You said: {context.heard[-1].text}"
    return None
