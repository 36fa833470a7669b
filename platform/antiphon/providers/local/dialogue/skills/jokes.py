"""Jokes, told in turn."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance

JOKES = (
    "I asked the microphone how it was feeling. It said it couldn't complain, but it could feed back.",
    "Why did the voice agent bring a ladder to work? It had heard that the calls were being escalated.",
    "My clock and I stopped talking to each other. It was only a matter of time.",
    "Two packets walk into a bar. The second one orders first.",
    "I told the printer a secret. Now there is paper everywhere, because it just couldn't hold it in.",
    "Why was the calendar so relaxed? Its days were numbered, and it had made peace with that.",
    "I know a good joke about silence. Thank you for listening.",
    "My umbrella and I broke up. It only ever called me when the weather was bad.",
    "The echo and I had a long argument. It insisted on having the last word.",
    "Why don't vegetables make phone calls? They are afraid that somebody will listen in on the leek.",
)
_ASKS = re.compile(
    r"(?:tell|give|say|do you have|do you know|have you got|let us hear|i want|i need"
    r"|make)?(?: me| us)?(?: to hear)? ?"
    r"(?:a|an|another|one more|1 more|your best|some|any|the best|one"
    r"|1)? ?(?:\w+ )?jokes?(?: about .+)?(?: please)?"
    r"|make me laugh|say something funny|tell me something funny|be funny"
)
_MORE = re.compile(
    r"(?:(?:tell|give) me )?(?:another|another one|another 1|one more|1 more|more|next|again"
    r"|a different one|a different 1)(?: joke| please)?"
)


def match(utterance: Utterance, context: Context) -> str | None:
    after_joke = bool(context.last_said) and any(joke.startswith(context.last_said) for joke in JOKES)
    if not _ASKS.fullmatch(utterance.digits) and not (after_joke and _MORE.fullmatch(utterance.digits)):
        return None
    told = {message.text for message in context.earlier if message.role == "assistant" and message.text}
    fresh = [joke for joke in JOKES if not any(joke.startswith(text) for text in told)]
    return fresh[0] if fresh else JOKES[len(context.heard) % len(JOKES)]
