"""Personal data in text, found and struck out. Pure; knows no web framework.

A `Redactor` finds; `Patterns` is the one that comes along, and needs no model: it knows what has a form, as written
and as spoken, and no names. Another is put in its place by a setting.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from antiphon.redaction.patterns import KINDS, find
from antiphon.redaction.spans import Span

__all__ = ["KINDS", "Patterns", "Redactor", "Span", "find", "mark_of", "redact"]


class Redactor(Protocol):
    """Finds personal data. One object of it serves all threads."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What it can find, each with words for people."""
        ...

    def find(self, text: str, kinds: Collection[str]) -> Sequence[Span]:
        """Where these are in a text: in order, none touching another."""
        ...


class Patterns:
    """By patterns: what has a form. It is quick, is the same every time, and takes no name for what it is."""

    kinds = KINDS

    def find(self, text: str, kinds: Collection[str]) -> Sequence[Span]:
        return find(text, kinds)


def mark_of(kind: str) -> str:
    """What stands in the place of something of this kind."""
    return f"[{kind}]"


def redact(text: str, spans: Iterable[Span]) -> str:
    """The text with a mark in the place of each span; they are in order."""
    parts, last = [], 0
    for span in spans:
        parts += [text[last : span.start], mark_of(span.kind)]
        last = span.end
    return "".join([*parts, text[last:]])
