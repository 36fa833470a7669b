"""The lines of a transcript, as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.transcripts.entries import Entry

WHO = {
    "user": "User",
    "assistant": "Agent",
    "system": "System message",
    "call": "Tool call",
    "result": "Tool result",
    "problem": "Problem",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`at` is when it began; `is_code`: what a tool was given or gave."""

    entry: Entry
    who: str
    at: datetime

    @property
    def is_code(self) -> bool:
        return self.entry.kind in ("call", "result")


def lines_of(entries: Sequence[Entry], *, began: datetime) -> list[Line]:
    return [Line(entry, WHO[entry.kind], began + timedelta(milliseconds=entry.start_ms)) for entry in entries]
