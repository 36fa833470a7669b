"""Goodbye."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.skills import memory

_GOODBYE = re.compile(
    r"(?:(?:bye|bye bye|goodbye|good bye|good night|see you|see ya|take care|farewell|so long|cheerio"
    r"|have a (?:good|nice|great) (?:day|one|evening|night|weekend)"
    r"|(?:talk|speak) to you (?:later|soon|tomorrow)|i (?:have|need) to go|i have got to go|hang up"
    r"|that is (?:all|it|everything))(?: (?:later|soon|tomorrow|now|for now|for today|then"
    r"|antiphon))?(?: |$))+"
)


def match(utterance: Utterance, context: Context) -> str | None:
    if not _GOODBYE.fullmatch(re.sub(r" (?:thank you|thanks)\b", "", utterance.core)):
        return None
    name = memory.user_name(context)
    wish = "Good night" if "night" in utterance.core else "Goodbye"
    return f"{wish}{f', {name}' if name else ''}. It was nice talking with you."
