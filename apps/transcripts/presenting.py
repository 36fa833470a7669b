"""A transcript as a document for programs, and as text for people. Both stay as they are: docs/transcripts.md."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.conversations.models import RealtimeSession
from apps.transcripts.entries import document_of, entries_from
from apps.transcripts.models import FORMAT, Source
from apps.transcripts.reading import languages_of, words_of
from apps.transcripts.selectors import insights_find, transcript_find, transcript_read

_WHO = {
    "user": "User",
    "assistant": "Agent",
    "system": "System",
    "call": "Call",
    "result": "Result",
    "problem": "Problem",
}


def document(session: RealtimeSession) -> dict[str, Any]:
    """As JSON. `is_final` is false for one that is read from the log, of a session that runs or whose transcript is
    not made yet."""
    kept = transcript_find(session)
    entries = entries_from(kept.entries) if kept is not None else transcript_read(session).entries
    insights = insights_find(session)
    return {
        "session_id": session.session_id,
        "format": kept.format if kept is not None else FORMAT,
        "is_final": kept is not None,
        "is_redacted": kept is not None and kept.is_redacted,
        "source": kept.source if kept is not None else Source.LOG.value,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "languages": kept.languages if kept is not None else languages_of(entries),
        "words": kept.words if kept is not None else words_of(entries),
        "summary": insights.summary if insights is not None else None,
        "outcome": insights.outcome if insights is not None else None,
        "sentiment": insights.sentiment if insights is not None else None,
        "data": insights.data if insights is not None else None,
        "entries": document_of(entries),
    }


def as_text(told: Mapping[str, Any]) -> str:
    """A line for each entry, with its time; what nobody heard is in brackets."""
    return "".join(f"{line}\n" for line in _lines(told["entries"]))


def _lines(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        name = f" {entry['name']}" if entry.get("name") else ""
        unheard = f" [not heard: {entry['unheard']}]" if entry.get("unheard") else ""
        said = " ".join(entry.get("text", "").split()) + unheard
        yield f"{_clock(entry['start_ms'])}  {_WHO[entry['kind']]}{name}: {said.strip() or '(no words)'}"


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"
