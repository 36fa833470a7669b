"""From an utterance to an answer: the skills in order, then sentence by sentence, then the fallback."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

from antiphon.providers.local.dialogue.context import Answer, Context, Skill
from antiphon.providers.local.dialogue.normalise import LONGEST_REQUEST, Utterance, sentences
from antiphon.providers.local.dialogue.numbers import TooLarge
from antiphon.providers.local.dialogue.persona import opening_words
from antiphon.providers.local.dialogue.skills import (
    again,
    arithmetic,
    chance,
    clock,
    counting,
    fallback,
    farewell,
    greeting,
    identity,
    jokes,
    memory,
    repeat,
    smalltalk,
    spelling,
    story,
    units,
)

# The first that understands an utterance answers it. `again` and `spelling` come before `repeat`, which takes
# any words after "say"; small talk comes last because its patterns are the widest.
SKILLS: Sequence[Skill] = (
    greeting.match,
    again.match,
    jokes.match,
    spelling.match,
    identity.match,
    chance.match,
    repeat.match,
    farewell.match,
    clock.match,
    counting.match,
    arithmetic.match,
    units.match,
    story.match,
    memory.match,
    smalltalk.match,
)
_MOST_SENTENCES = 4
_GO_ON = re.compile(
    r"(?:go on|continue|carry on|go ahead|tell me more|keep (?:going|talking|reading|counting))"
    r"(?: (?:with|reading|telling) .+| where you (?:left off|stopped))?"
)


def answer(utterance: Utterance, context: Context) -> Answer:
    """The answer to what the user said last; never empty."""
    answered = understood(utterance, context)
    if answered is not None:
        return answered
    return fallback.answer(utterance, context)


def understood(utterance: Utterance, context: Context) -> Answer | None:
    """The skills' answer: to the whole utterance, or else to those of its sentences that they understand."""
    if _GO_ON.fullmatch(utterance.core):
        return _rest(context)
    whole = _first(utterance, context)
    if whole is not None:
        return whole
    answers = _each(sentences(utterance.text)[:_MOST_SENTENCES], context)
    if not answers:
        halves = re.split(r"\band\b", utterance.text, maxsplit=1)
        answers = _each(halves, context)
        if len(answers) < 2:
            return None
    if all(isinstance(found, str) for found in answers):
        return " ".join(str(found) for found in answers)
    return chain.from_iterable((found,) if isinstance(found, str) else found for found in answers)


def unprompted(instructions: str, context: Context) -> str:
    """What to say when it is the assistant's turn and the user has said nothing since."""
    if words := opening_words(instructions):
        return words
    if context.last_said:
        return "I'm still here. What can I do for you?"
    return greeting.hello(context)


def one_sentence(text: str) -> str:
    """The first sentence with something in it: "Hello!" and the like take the next one along."""
    found = re.match(r"(?:\S+\s){0,2}\S*[!]\s+[^.!?]*[.!?]|.*?[.!?](?=\s|$)", text, re.DOTALL)
    return found[0] if found else text


def _rest(context: Context) -> Answer:
    """What the user has not heard yet of the last answer, which is made once more up to there."""
    turns = [index for index, message in enumerate(context.earlier) if message.role == "user"]
    if turns:
        before = replace(context, earlier=context.earlier[: turns[-1]])
        whole = understood(context.heard[-1], before)
        if whole is not None and not isinstance(whole, str):
            words = chain.from_iterable(piece.split() for piece in whole)
            # The last word that was heard may have been cut off, and is said again.
            rest = islice(words, max(0, len(context.last_said.split()) - 1), None)
            if (again := next(rest, None)) is not None and (following := next(rest, None)) is not None:
                return chain((again, following), rest)
    return "That was all. What would you like next?"


def _each(parts: Sequence[str], context: Context) -> list[Answer]:
    return [found for part in parts if (found := _first(context.utterance(part), context)) is not None]


def _first(utterance: Utterance, context: Context) -> Answer | None:
    if len(utterance.text) > LONGEST_REQUEST:
        return repeat.match(utterance, context)
    try:
        return next((found for skill in SKILLS if (found := skill(utterance, context)) is not None), None)
    except TooLarge as refusal:
        return str(refusal)
