"""Says the user's own words, however many: "repeat after me: ..."."""

import re
from collections.abc import Iterator

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance

_POLITE = (
    r"(?:(?:hey|hi|hello|okay|ok|so|now|please|um|uh|antiphon|and|then|well|(?:can|could|would|will) you"
    r"|i(?: would|['’]d)? (?:like|want|need) you to)[,.]?\s+)*"
)
_TEXT = r"(?: (?:following|words?|sentence|phrase|text))"
_WHAT = rf"(?: (?:it|this|that|these){_TEXT}*| the{_TEXT}+)"
_HOW = r"(?: back| back to me| to me| exactly| word for word| verbatim| aloud| out loud)"
_COMMAND = (
    rf"(?:(?:repeat|say|read|echo|speak)(?:{_WHAT}|{_HOW})* after me"
    rf"|(?:repeat|read)(?:{_WHAT}|{_HOW})+"
    rf"|say(?: the (?:words?|following|phrase|sentence)| this|{_HOW})*"
    r"|echo)"
)
# "Say that again" and the like are for other skills.
_NOT_WORDS = (
    r"\s+(?:that|it)\s+(?:again|once)"
    r"|\s+(?:again|something|anything|that|it|(?:no )?more|(?:my|your) name)\W*$"
    r"|\s+(?:the (?:alphabet|abc)|what you)\W*$"
)
_REQUEST = re.compile(
    rf"^\W*{_POLITE}{_COMMAND}\b(?!{_NOT_WORDS})\W*(?<=[\s:,;.\"“'‘-])(?P<words>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_ASKS_FOR_WORDS = re.compile(r"(?:repeat|say|echo)(?: (?:this|the following|something))?(?: after me)")


def match(utterance: Utterance, context: Context) -> Iterator[str] | str | None:
    if _ASKS_FOR_WORDS.fullmatch(utterance.core):
        return "Go ahead. Start with the words: repeat after me."
    found = _REQUEST.match(utterance.text)
    if found is None:
        return None
    return iter(_unquoted(found["words"]).split())


def _unquoted(text: str) -> str:
    """The words without quotation marks around them; the pattern has taken the opening one."""
    text = text.strip()
    if len(re.findall(r"[\"“”]", text)) == 1:
        quoted, after = re.split(r"[\"“”]", text)
        return quoted + (after if after in ".!?" else "")
    return text
