"""How families of Claude take their settings, which changes from one to the next.

https://platform.claude.com/docs/en/build-with-claude/thinking
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from antiphon.providers.base.effort import of_family


@dataclass(frozen=True, slots=True)
class Family:
    """`thinking`: a model is given a number of tokens to think, or an effort. `rest` keeps it from thinking:
    nothing said, a type of thinking, or the lowest effort, for models that can't be kept from it altogether."""

    thinking: Literal["budget", "effort"] = "effort"
    rest: Literal["unsaid", "disabled", "between_tools", "low"] = "low"
    temperature: bool = False


_OLD = Family("budget", "unsaid", temperature=True)

FAMILIES: Mapping[str, Family] = {
    "": Family("effort", "unsaid", temperature=True),  # not of Anthropic, behind their protocol
    "claude": Family(),  # newer than this list
    "claude-3": _OLD,
    "claude-opus-4": _OLD,
    "claude-sonnet-4": _OLD,
    "claude-haiku-4": _OLD,
    "claude-opus-4-6": Family("effort", "unsaid", temperature=True),
    "claude-sonnet-4-6": Family("effort", "unsaid", temperature=True),
    "claude-opus-4-7": Family("effort", "unsaid"),
    "claude-opus-4-8": Family("effort", "unsaid"),
    "claude-sonnet-5": Family("effort", "disabled"),
    "claude-sonnet-5-5": Family("effort", "between_tools"),
    "claude-opus-5": Family("effort", "disabled"),
    "claude-opus-5-5": Family("effort", "low"),
    "claude-haiku-5": Family("effort", "disabled"),
}


def family_of(model: str) -> Family:
    return of_family(model, FAMILIES) or FAMILIES[""]
