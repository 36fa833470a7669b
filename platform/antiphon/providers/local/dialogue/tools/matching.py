"""How well each declared tool fits what was said."""

from collections.abc import Sequence
from typing import Protocol

from antiphon.providers.base.llm import Tool
from antiphon.providers.local.dialogue.normalise import words
from antiphon.providers.local.dialogue.tools.schema import spaced

_STOP_WORDS = {
    "a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "for", "from", "by", "with",
    "about", "as", "into", "is", "are", "was", "be", "am", "do", "does", "did", "can", "could",
    "will", "would", "i", "you", "he", "she", "it", "we", "they", "me", "my", "your", "his", "her",
    "its", "our", "their", "this", "that", "these", "those", "what", "which", "who", "how", "when",
    "where", "why", "not", "no", "yes", "get", "set", "give", "make", "take", "use", "want", "need",
    "like", "some", "any", "please", "tell", "know", "current", "one", "two", "three", "four",
    "five", "six", "seven", "eight", "nine", "ten",
}  # fmt: skip


class ToolMatcher(Protocol):
    """Scores tools for an utterance, each from 0 to about 1.

    A score of `certain` makes a call even when a skill understands the utterance, too; `possible` is enough
    when none does.
    """

    certain: float
    possible: float

    async def scores(self, utterance: str, tools: Sequence[Tool]) -> list[float]: ...


class KeywordMatcher:
    """Counts the words that the utterance shares with a tool: what works without any weights."""

    certain = 0.5
    possible = 0.3

    async def scores(self, utterance: str, tools: Sequence[Tool]) -> list[float]:
        return [keyword_overlap(utterance, tool) for tool in tools]


def keyword_overlap(utterance: str, tool: Tool) -> float:
    """The share of the utterance's content words (three at most) that the tool's name or description has.

    The name counts full, the description half, a parameter's name a quarter.
    """
    heard = _stems(utterance)
    name, description = _stems(spaced(tool.name)), _stems(tool.description)
    parameters = _stems(spaced(" ".join(tool.parameters.get("properties") or ())))
    weights = (
        1.0 if w in name else 0.5 if w in description else 0.25 if w in parameters else 0.0 for w in heard
    )
    return min(1.0, sum(weights) / min(3, len(heard))) if heard else 0.0


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in words(text) if word not in _STOP_WORDS and word.isalpha()}


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
