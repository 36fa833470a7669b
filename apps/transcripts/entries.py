"""One line of a transcript, and a transcript, as they are kept and shown."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

Kind = Literal["user", "assistant", "system", "call", "result", "problem"]
Word = tuple[int, int, str]
"""When it begins and ends, in ms since the session's start, and how it is written."""


class Entry(Struct, kw_only=True, omit_defaults=True):
    """Times are in ms since the session's start.

    `text` is what was said and heard, what a function was called with (`call`), what it returned (`result`), or
    what went wrong (`problem`); `name` is the function's. `unheard` is what the assistant had said and nobody
    heard, as the user spoke first. `words` are those of `text` in its order; `exact`: their times were told by who
    spoke or recognised them, else they are estimates. Out-of-band responses (`aside`) are no part of the
    conversation.
    """

    kind: Kind
    start_ms: int
    end_ms: int
    text: str = ""
    unheard: str = ""
    words: list[Word] = []
    exact: bool = False
    item_id: str = ""
    response_id: str = ""
    call_id: str = ""
    name: str = ""
    is_cut: bool = False
    aside: bool = False
    failed: bool = False
    """A function that returned an error."""
    language: str = ""


def entries_from(document: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """From what `document_of` made."""
    return msgspec.convert(document, list[Entry])


def document_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """As JSON has them; what is empty is left out."""
    document: list[dict[str, Any]] = msgspec.to_builtins(entries)
    return document
