"""What the user said about themselves earlier: a name, and facts of the form "my X is Y"."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance, sentences

_WORD = r"[^\W\d_][\w'-]*"
_NAME_ENDS = r"(?:and|but|so|what|can|could|do|i|i'm|im|from|how|who|where|please|nice|by|not|is|are|the|a)"
_STATED_NAME = re.compile(
    r"\b(?:my name is|my name's|name is|you can call me|please call me|call me|i am called|i'm called)"
    rf" (?P<name>(?!{_NAME_ENDS}\b){_WORD}(?: (?!{_NAME_ENDS}\b){_WORD}){{0,2}})",
    re.IGNORECASE,
)
_CAPITALISED_NAME = re.compile(
    r"\b(?:[Ii] am|[Ii]['’]?m|[Tt]his is) (?P<name>(?![A-Z][a-z]+ing\b)[A-Z][a-z'-]+(?: [A-Z][a-z'-]+)?)\b"
)
_ASKS_NAME = re.compile(
    r"(?:my name|what my name is|what is my (?:first |last |full )?name"
    r"|who am i|say my name|do you (?:know|remember) my name"
    r"|(?:know|remember) (?:my name|who i am|what my name is)|what did i say my name (?:is|was))"
)
_FACT = re.compile(
    r"(?:remember that |remember )?my (?P<thing>[a-z' ]{2,40}?) (?P<verb>is|are|was) (?P<value>.+)"
)
_ASKS_FACT = re.compile(
    r"(?:what|who|where|when|which|how old)(?: \w+)? (?:is|are|was) my (?P<thing>[a-z' ]{2,40})"
    r"|(?:remember|tell me|know) (?:what )?my (?P<other>[a-z' ]{2,40}?)(?: (?:is|are|was))?"
)


def match(utterance: Utterance, context: Context) -> str | None:
    if _ASKS_NAME.fullmatch(utterance.core):
        name = user_name(context)
        return f"Your name is {name}." if name else "You haven't told me your name yet. What is it?"
    if len(sentences(utterance.text)) > 1:
        return None  # each sentence is answered by itself
    if name := name_in(utterance):
        return f"Nice to meet you, {name}. What can I do for you?"
    if asked := _ASKS_FACT.fullmatch(utterance.core):
        return _recall((asked["thing"] or asked["other"]).strip(), context)
    if fact := _FACT.fullmatch(utterance.core):
        value = _yours(utterance.cased(fact["value"]))
        return f"All right, your {fact['thing']} {fact['verb']} {value}. I'll keep that in mind."
    return None


def user_name(context: Context) -> str | None:
    """The name that the user last gave in this conversation."""
    names = (name_in(earlier) for earlier in reversed(context.heard))
    return next((name for name in names if name), None)


def name_in(utterance: Utterance) -> str | None:
    found = _STATED_NAME.search(utterance.text) or _CAPITALISED_NAME.search(utterance.text)
    if found is None:
        return None
    return " ".join(part[0].upper() + part[1:] for part in found["name"].split())


def _recall(thing: str, context: Context) -> str:
    for earlier in reversed(context.heard):
        fact = _FACT.fullmatch(earlier.core)
        if fact and fact["thing"] == thing:
            return f"You told me that your {thing} {fact['verb']} {_yours(earlier.cased(fact['value']))}."
    return f"You haven't told me about your {thing} yet."


def _yours(value: str) -> str:
    return re.sub(r"\bi\b", "you", re.sub(r"\bmy\b", "your", value))
