"""Who is speaking: the built-in stand-in, what it can do, and how to get a real model."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.persona import DEFAULT_NAME

HOW_TO_REPLACE = (
    "To talk with a full language model, give the server a provider's key and connect to one of that "
    "provider's models. The operations guide says how."
)

_WHO = re.compile(
    r"(?:who are you|what are you|who is this|who am i (?:talking|speaking) (?:to|with)"
    r"|who is speaking|introduce yourself"
    r"|tell me (?:something |more )?about yourself|(?:are you|is this) (?:an? )?(?:ai|a i"
    r"|robot|bot|machine|computer|human"
    r"|real|real person|person|chatgpt|gpt|language model)|what (?:language )?model are you"
    r"|what model is this"
    r"|which model (?:are you|is this))"
)
_NAME = re.compile(
    r"(?:what is your name|tell me your name|say your name|do you have a name|your name"
    r"|what (?:are you called|should i call you)"
    r"|what can i call you)"
)
_ABILITIES = re.compile(
    r"(?:what (?:else )?(?:can|could|do) you do|what are you (?:able to do|capable of|good at)"
    r"|(?:what|how) can you help(?: me)?(?: with)?|what can i (?:ask|say|do)(?: you)?(?: here)?"
    r"|(?:i need )?help(?: me)?"
    r"|what (?:are|do you have) (?:your )?(?:skills|features|capabilities|options)"
    r"|what should i (?:ask|say)(?: you)?)"
)
_SET_UP = re.compile(
    r".*\b(?:set up|set|add|get|use|configure|connect|enter|change|switch to|where do i put)\b.*"
    r"\b(?:provider|api key|a key|real model|better model|another model|language model|llm)\b.*"
)
_PRODUCT = re.compile(r"(?:what is|who is|tell me about|explain) antiphon(?: (?:about|for))?")
_MAKER = re.compile(r"who (?:made|built|created|programmed|trained|developed|designed) you")


def match(utterance: Utterance, context: Context) -> str | None:
    core, persona = utterance.core, context.persona
    if _NAME.fullmatch(core):
        return f"My name is {persona.name}."
    if _WHO.fullmatch(core):
        return f"{_introduction(context)} {HOW_TO_REPLACE}"
    if _ABILITIES.fullmatch(core):
        return (
            "I can chat a little, tell the time and the date, do arithmetic and conversions, count, spell, "
            "repeat after you, tell jokes and stories, and use the tools that you give me. "
            "I'm a stand-in until a provider key is set, so bigger questions are beyond me."
        )
    if _SET_UP.fullmatch(core):
        return HOW_TO_REPLACE
    if _PRODUCT.fullmatch(core) and persona.name == DEFAULT_NAME:
        return (
            "Antiphon is a platform for voice agents that you host yourself. It listens, takes "
            "turns, and speaks "
            "through any model you connect. Right now you are talking to its built-in stand-in."
        )
    if _MAKER.fullmatch(core):
        return "I was written by hand as part of Antiphon. I'm a set of small skills, not a trained model."
    return None


def _introduction(context: Context) -> str:
    persona = context.persona
    if persona.name == DEFAULT_NAME:
        return "I'm Antiphon's built-in stand-in: a small program that talks until a provider key is set."
    role = f", {persona.role}" if persona.role else ""
    return (
        f"I'm {persona.name}{role}. For now it is Antiphon's built-in stand-in that speaks for me, "
        "until a provider key is set."
    )
