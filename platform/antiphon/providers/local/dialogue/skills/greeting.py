"""Hello, at the right time of day."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.skills import memory

_HELLO = r"hi|hello|hey|hiya|howdy|greetings|welcome|good (?:morning|afternoon|evening|day)|nice to meet you"
_GREETING = re.compile(
    rf"(?:(?:{_HELLO})(?: (?:there|again|everyone|everybody|world|to you|too|friend))?(?: |$))+"
)


def match(utterance: Utterance, context: Context) -> str | None:
    plain = utterance.plain
    for own in ("antiphon", context.persona.name.lower()):
        plain = re.sub(rf"\b{re.escape(own)}\b ?", "", plain)
    if not _GREETING.fullmatch(plain):
        return None
    name = memory.user_name(context)
    if context.last_said:
        return f"Hello again{f', {name}' if name else ''}. What can I do for you?"
    return hello(context, name)


def hello(context: Context, name: str | None = None) -> str:
    """The first words of a conversation."""
    hour = context.now.hour
    if 5 <= hour < 12:
        greeting = "Good morning"
    elif 12 <= hour < 18:
        greeting = "Good afternoon"
    else:
        greeting = "Good evening"
    return f"{greeting}{f', {name}' if name else ''}! I'm {context.persona.name}. How can I help you?"
