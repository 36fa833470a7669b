"""Going on with an answer whose model broke off, so that it reads as one."""

import re
from dataclasses import replace

from antiphon.providers.base.llm import LlmRequest, Message
from antiphon.providers.base.tokens import estimated_tokens

GO_ON = (
    "(Your answer was cut off after its last word above, and the user has heard it up to there. Go on with exactly "
    "the next word. Repeat nothing, excuse nothing, and don't mention this.)"
)
_LEAST_TOKENS = 16
_COMPARED = 400  # units of what was said

# Kana and Han are written without spaces: each character stands by itself.
_UNSPACED = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_UNIT = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_AFTER_UNSPACED = re.compile(rf"[^{_UNSPACED}]*\Z")
_LONGEST_WORD = 30  # characters; more is held by nobody
_LEADING = re.compile(r"\A\s*(?:\.{3}|…)?\s*")


def continuing(request: LlmRequest, said: str) -> LlmRequest:
    """The request for the rest of an answer of which this was said. The instruction is the user's, because many
    models take no system message there, and some refuse to go on from a message of their own that is the last."""
    limit = request.max_output_tokens
    return replace(
        request,
        messages=[*request.messages, Message("assistant", said.strip()), Message("user", GO_ON)],
        max_output_tokens=limit and max(limit - estimated_tokens(said), _LEAST_TOKENS),
    )


class WholeWords:
    """Holds the last word until it is whole, so that an answer never breaks off within one."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> str:
        """What may be said."""
        text = self._held + text
        last = _last_word(text)
        cut = len(text) - (len(last) if len(last) < _LONGEST_WORD else 0)
        self._held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        """The last word, when the answer is whole."""
        held, self._held = self._held, ""
        return held


class Rest:
    """The text of a model that goes on, without what it repeats of `said`. Takes whole words."""

    def __init__(self, said: str) -> None:
        self._said = _UNIT.findall(said)[-_COMPARED:]
        self._held = ""
        self._is_new = not self._said

    def push(self, text: str) -> str:
        if self._is_new:
            return text
        self._held += text
        return "" if self._may_repeat(_UNIT.findall(self._held_text)) else self.flush()

    def flush(self) -> str:
        """What is new in the text held so far, when it is over or can't be a repetition any more."""
        if self._is_new:
            return ""
        self._is_new = True
        text = self._held_text
        units = list(_UNIT.finditer(text))
        words = [unit[0] for unit in units]
        longest = min(len(words), len(self._said))
        repeated = next((n for n in range(longest, 0, -1) if self._said[-n:] == words[:n]), 0)
        return text[units[repeated - 1].end() :].lstrip() if repeated else text

    @property
    def _held_text(self) -> str:
        return _LEADING.sub("", self._held)

    def _may_repeat(self, units: list[str]) -> bool:
        """Whether more text could make a repetition of the end of `said` whole."""
        starts = range(len(self._said) - len(units))
        return any(self._said[start : start + len(units)] == units for start in starts)


def _last_word(text: str) -> str:
    """What the text ends with that may go on; empty after white space."""
    if not text or text[-1].isspace():
        return ""
    last = text.rsplit(maxsplit=1)[-1]
    return last if last.isascii() else _AFTER_UNSPACED.search(last)[0]  # type: ignore[index]
