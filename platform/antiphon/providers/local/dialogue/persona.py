"""The part of a session's instructions that a stand-in can follow: a name, a role, brevity, words to say."""

import re
from dataclasses import dataclass

DEFAULT_NAME = "Antiphon"

_WORD = r"[A-Z][\w-]*(?:'[A-Z]\w*)?"
_NAME = rf"(?!(?:NOT|AI|MUST|NEVER|ALWAYS|ONLY)\b)(?P<name>{_WORD}(?: {_WORD})?)\b(?!['’]s\b)"
_CALLED = r"[Yy]our name is|[Cc]all yourself|[Yy]ou(?: are|['’]re)(?: [^.!?\n]{0,80}? (?:named|called))?"
_NAMED = re.compile(rf"\b(?:{_CALLED}) [\"“']?{_NAME}")
_ROLE = re.compile(r"\b(?:[Yy]ou are|[Yy]ou're|[Aa]ct as) (?:[A-Z][\w'-]*, )?((?:an?|the) [^.!?\n,;]{3,80})")
_ROLE_TAIL = re.compile(r"\s+(?:(?:named|called) .*|(?:who|that|whose) .*)$")
_BRIEF = re.compile(
    r"\b(?:one|a single|1) (?:short )?sentence\b|\bvery (?:brief|short|concise)\b"
    r"|\bas (?:briefly|short) as possible\b",
    re.IGNORECASE,
)
_SAY = r"(?:please )?(?:say|repeat|read|speak)(?: aloud| out loud)?(?: to the (?:user|caller))?"
_DICTATION = re.compile(
    rf"\W*{_SAY}(?:(?: exactly| verbatim| the following| this| after me)[^:\n]{{0,40}}:\s*(?P<plain>.+)"
    rf"|[^\"“”.\n]{{0,30}}[\"“](?P<quoted>[^\"”]+)[\"”]\W*)",
    re.IGNORECASE | re.DOTALL,
)
_OPENING = re.compile(
    r"\b(?:say|saying|greet|greeting|open|begin|start|answer|respond"
    r"|introduce)\b[^\"“”.\n]{0,60}[\"“]([^\"”]+)[\"”]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Persona:
    """name: what the assistant calls itself. role: "a receptionist", or empty. brief: one sentence only."""

    name: str = DEFAULT_NAME
    role: str = ""
    brief: bool = False

    @classmethod
    def of(cls, instructions: str) -> "Persona":
        named = _NAMED.search(instructions)
        role = _ROLE.search(instructions)
        return cls(
            name=named["name"] if named else DEFAULT_NAME,
            role=_ROLE_TAIL.sub("", role.group(1)).strip() if role else "",
            brief=bool(_BRIEF.search(instructions)),
        )


def dictation(instructions: str) -> str | None:
    """The words to speak as they stand, if that is all that is asked: `Say exactly: Welcome back.`"""
    found = _DICTATION.fullmatch(instructions.strip())
    return (found["plain"] or found["quoted"]).strip().strip('"“”') if found else None


def opening_words(instructions: str) -> str | None:
    """The words with which instructions want the conversation opened: `Greet the caller with "Welcome!"`"""
    found = _OPENING.search(instructions)
    return found[1].strip() if found else None
