"""Striking personal data out of what is kept of a session: its transcript and its log.

The transcript's job does this, in one transaction, for a session whose agent redacts (`kinds_of` is not empty):

    clean, bleeps = redact_session(session, document)
    with running.finish():
        keep_bleeps(session, bleeps)
        redact_log(session, document)  # of `redacting_log`
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.redaction import Redactor, Span, mark_of, redact
from apps.conversations.models import RealtimeSession
from apps.privacy.models import Channel, Redaction
from apps.privacy.redactors import redactor

MARGIN_MS = 150  # around what is bleeped: words begin and end before and after what recognisers say
INEXACT_MARGIN_MS = 600  # at least where the times of words are a guess
MOST_MARGIN_MS = 2_000
_GUESSED = 0.1  # of how long all of it lasts: so far a guess is off, as people pause
_ASIDE_WORDS = 4  # of an assistant who says "yes?" while somebody dictates, and of nobody who answers

_CHANNELS = {"user": Channel.USER, "assistant": Channel.ASSISTANT}

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bleep:
    """A part of a recording that is not to be heard: ms since the session began."""

    channel: int
    start_ms: int
    end_ms: int
    kind: str


def kinds_of(session: RealtimeSession) -> list[str]:
    """What the session's agent strikes out; nothing for most."""
    if session.agent_version is None:
        return []
    return list(session.agent_version.spec.get("privacy", {}).get("redact", ()))


def redact_session(
    session: RealtimeSession, entries: Sequence[Entry]
) -> tuple[list[dict[str, Any]], list[Bleep]]:
    """The entries of a transcript without what the session's agent strikes out, and what to bleep in its recording.

    An entry is a dictionary as `Transcript.entries` has it. Without redaction the entries come back as they are.
    """
    kinds = kinds_of(session)
    if not kinds:
        return [dict(entry) for entry in entries], []
    return redact_entries(entries, kinds, redactor())


def redact_entries(
    entries: Sequence[Entry], kinds: Collection[str], found_by: Redactor
) -> tuple[list[dict[str, Any]], list[Bleep]]:
    """Words that are struck out become one, the mark, which takes their time."""
    clean = [dict(entry) for entry in entries]
    bleeps: list[Bleep] = []
    for index, spans in _found(entries, kinds, found_by):
        bleeps += _strike(clean[index], spans)
    return clean, merged(bleeps)


def struck_parts(entries: Sequence[Entry], kinds: Collection[str], found_by: Redactor) -> dict[str, str]:
    """What is struck out of each entry's text, with its mark: also parts of what was said over several turns, which
    nobody would know by themselves."""
    parts: dict[str, str] = {}
    for index, spans in _found(entries, kinds, found_by):
        whole = _whole(entries[index])
        parts |= {whole[span.start : span.end].strip(): mark_of(span.kind) for span in spans}
    parts.pop("", None)
    return parts


def _found(
    entries: Sequence[Entry], kinds: Collection[str], found_by: Redactor
) -> Iterator[tuple[int, list[Span]]]:
    """Where in each entry's whole text something is to be struck out."""
    for group in _groups(entries):
        text, places = "", []
        for index in group:
            text += "\n" if text else ""
            places.append((len(text), index))
            text += _whole(entries[index])
        spans = found_by.find(text, kinds)
        for start, index in places:
            end = start + len(_whole(entries[index]))
            inside = [
                Span(max(span.start, start) - start, min(span.end, end) - start, span.kind)
                for span in spans
                if span.start < end and span.end > start
            ]
            if inside:
                yield index, inside


def _groups(entries: Sequence[Entry]) -> Iterator[list[int]]:
    """Entries that are read as one text: turns of the user between which the assistant says next to nothing, as
    people pause while they dictate a number. The others are by themselves."""
    turns: list[int] = []
    for index, entry in enumerate(entries):
        kind = entry["kind"]
        if kind == "user":
            turns.append(index)
            continue
        yield [index]
        if kind == "assistant" and len(_whole(entry).split()) > _ASIDE_WORDS:
            if turns:
                yield turns
            turns = []
    if turns:
        yield turns


def _whole(entry: Entry) -> str:
    text, unheard = str(entry.get("text", "")), str(entry.get("unheard", ""))
    return f"{text} {unheard}" if unheard else text


def _strike(entry: dict[str, Any], spans: Sequence[Span]) -> list[Bleep]:
    text, unheard = str(entry.get("text", "")), str(entry.get("unheard", ""))
    words = entry.get("words") or []
    found: list[tuple[int, int, str]] = []
    if words:
        entry["words"], found = _strike_words(words, text, spans)
    if unheard:
        start = len(text) + 1
        rest = [Span(max(s.start - start, 0), s.end - start, s.kind) for s in spans if s.end > start]
        entry["unheard"] = redact(unheard, rest)
    entry["text"] = redact(
        text, [Span(s.start, min(s.end, len(text)), s.kind) for s in spans if s.start < len(text)]
    )
    channel = _CHANNELS.get(entry["kind"])
    if channel is None:
        return []
    margin = _margin_of(entry)
    return [Bleep(channel, max(start - margin, 0), end + margin, kind) for start, end, kind in found]


def _margin_of(entry: Mapping[str, Any]) -> int:
    if entry.get("exact"):
        return MARGIN_MS
    lasts = entry.get("end_ms", 0) - entry.get("start_ms", 0)
    return min(max(INEXACT_MARGIN_MS, round(lasts * _GUESSED)), MOST_MARGIN_MS)


def _strike_words(
    words: Sequence[Sequence[Any]], text: str, spans: Sequence[Span]
) -> tuple[list[list[Any]], list[tuple[int, int, str]]]:
    """The words that are left, with each mark as a word, and when what it stands for was said."""
    places, at = [], 0
    for _, _, word in words:
        found_at = text.find(word, at)
        start = found_at if found_at >= 0 else at
        at = start + len(word)
        places.append((start, at))
    kept: list[list[Any]] = []
    struck = []
    index = 0
    for span in spans:
        while index < len(words) and places[index][1] <= span.start:
            kept.append(list(words[index]))
            index += 1
        first = index
        while index < len(words) and places[index][0] < span.end:
            index += 1
        if first == index:
            continue
        start, end = words[first][0], words[index - 1][1]
        before = text[places[first][0] : span.start]
        after = text[span.end : places[index - 1][1]]
        kept.append([start, end, f"{before}{mark_of(span.kind)}{after}"])
        struck.append((start, end, span.kind))
    return [*kept, *(list(word) for word in words[index:])], struck


def merged(bleeps: Sequence[Bleep]) -> list[Bleep]:
    """In order, and none over another in its channel."""
    kept: list[Bleep] = []
    for bleep in sorted(bleeps, key=lambda b: (b.channel, b.start_ms)):
        last = kept[-1] if kept else None
        if last and last.channel == bleep.channel and bleep.start_ms <= last.end_ms:
            kept[-1] = Bleep(last.channel, last.start_ms, max(last.end_ms, bleep.end_ms), last.kind)
        else:
            kept.append(bleep)
    return kept


def keep_bleeps(session: RealtimeSession, bleeps: Sequence[Bleep]) -> None:
    """In the place of those that were there. Call it in the transaction of the transcript."""
    Redaction.objects.filter(session=session).delete()
    Redaction.objects.bulk_create(
        Redaction(session=session, channel=b.channel, start_ms=b.start_ms, end_ms=b.end_ms, kind=b.kind)
        for b in bleeps
    )


def bleeps_of(session: RealtimeSession) -> list[Bleep]:
    """What is not to be heard in the session's recording: by channel, in order."""
    rows = Redaction.objects.filter(session=session).order_by("channel", "start_ms")
    return [Bleep(row.channel, row.start_ms, row.end_ms, row.kind) for row in rows]
