"""What was said and done in a session, in order and when, read from its log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.conversations.models import PROBLEMS, SessionEvent
from apps.conversations.problems import problem_text
from apps.transcripts.entries import Entry, Kind
from apps.transcripts.timing import Line, Spoken, UserAudio
from apps.transcripts.words import spread, timed, word_count

_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_WORDS = "response.output_audio_transcript.delta"
_AUDIO = "response.output_audio.delta"
TYPES = (
    "session.created",
    "session.updated",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "conversation.item.added",
    "conversation.item.truncated",
    "item.heard",
    "turn.transcribed",
    "tool.ended",
    _TRANSCRIBED,
    _WORDS,
    _AUDIO,
    "input_audio_buffer.append",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    *PROBLEMS,
)
"""The events that a transcript is made of."""

Timeline = Mapping[str, Any]
"""Of a recording: `user` has `[ms of the user's audio, ms]` of each stretch, `items` has `[ms of the item's audio,
ms, length in ms]` of each stretch of each of the assistant's items."""


@dataclass(slots=True)
class _Turn:
    """What the user said. Positions are ms of the user's audio; times are those of the events."""

    began: float | None = None
    ended: float | None = None
    start: float | None = None
    end: float | None = None
    language: str = ""


@dataclass(slots=True)
class _Reader:
    began: datetime
    user: UserAudio
    line: Line
    entries: list[Entry] = field(default_factory=list)
    language: str = ""
    by_item: dict[str, Entry] = field(default_factory=dict)
    turns: dict[str, _Turn] = field(default_factory=dict)
    calls: dict[str, Entry] = field(default_factory=dict)  # by call_id
    failed: set[str] = field(default_factory=set)  # call_ids
    told: dict[str, str] = field(default_factory=dict)  # what was heard of items, as the session itself noted
    asides: set[str] = field(default_factory=set)

    def read(self, event: SessionEvent) -> None:
        body, id = event.body, event.item_id or ""
        match event.type:
            case "session.created" | "session.updated":
                self.language = _configured_language(body["session"])
            case "input_audio_buffer.append":
                self.user.add(self._ms(event), body["audio_ms"], body["lasted_ms"])
            case "input_audio_buffer.speech_started":
                turn = self._turn(id)
                if turn.began is None:
                    turn.began, turn.start = body.get("audio_start_ms"), self._ms(event)
            case "input_audio_buffer.speech_stopped":
                turn = self._turn(id)
                turn.ended, turn.end = body.get("audio_end_ms"), self._ms(event)
            case "input_audio_buffer.committed":
                turn = self._turn(id)
                if turn.began is None and self.user.length:
                    turn.began, turn.ended = self.user.last_run, self.user.length
            case "response.created":
                if body["response"].get("conversation_id") is None:
                    self.asides.add(body["response"]["id"])
            case "response.done":
                if body["response"].get("status") == "cancelled" and event.response_id not in self.asides:
                    self.line.stop(self._ms(event))
            case "conversation.item.added" | "response.output_item.added":
                self._open(event, body["item"])
            case "response.output_item.done":
                self._finish(event, body["item"])
            case "conversation.item.truncated":
                self.line.cut(id, body["audio_end_ms"])
            case "item.heard":
                self.line.cut(id, body["audio_ms"])
                self.told[id] = body["text"]
            case "turn.transcribed":
                self._heard_user(event, body["text"], body.get("language"))
            case type if type == _TRANSCRIBED:
                self._heard_user(event, body["transcript"], None)
            case type if type == _WORDS:
                self.line.item(id).say(body["delta"])
            case type if type == _AUDIO:
                if event.response_id not in self.asides:
                    self.line.play(id, self._ms(event), body["audio_ms"])
            case "tool.ended":
                if body.get("error"):
                    self.failed.add(body["call_id"])
            case _:
                self._add(Entry(kind="problem", start_ms=0, end_ms=0, text=problem_text(body)), event)

    def end(self) -> list[Entry]:
        """When all is read: what was cut, and when each was said, may be known late."""
        for id, entry in self.by_item.items():
            if entry.kind == "user" and id in self.turns:
                self._time_user(entry, self.turns[id])
            elif entry.kind == "assistant" and id in self.line.items:
                self._time_assistant(entry, self.line.items[id], self.told.get(id))
        for entry in self.entries:
            entry.failed = entry.failed or (entry.kind == "result" and entry.call_id in self.failed)
        return self.entries

    # Items

    def _open(self, event: SessionEvent, item: Mapping[str, Any]) -> Entry:
        if known := self.by_item.get(item["id"]):
            return known
        entry = Entry(
            kind=_kind(item),
            start_ms=0,
            end_ms=0,
            text=_text(item),
            item_id=item["id"],
            response_id=event.response_id or "",
            call_id=item.get("call_id") or "",
            name=item.get("name") or "",
            aside=event.response_id in self.asides,
        )
        self.by_item[item["id"]] = entry
        if entry.kind == "call":
            self.calls[entry.call_id or entry.item_id] = entry
        elif entry.kind == "result" and (call := self.calls.get(entry.call_id)):
            entry.name, call.end_ms = call.name, self._ms(event)
        return self._add(entry, event)

    def _finish(self, event: SessionEvent, item: Mapping[str, Any]) -> None:
        entry = self._open(event, item)
        entry.text, entry.is_cut = _text(item), entry.is_cut or item.get("status") == "incomplete"
        entry.end_ms = max(entry.end_ms, self._ms(event))
        if item["type"] == "mcp_call":
            result = Entry(kind="result", start_ms=0, end_ms=0, text=_outcome(item), name=entry.name)
            result.aside, result.failed = entry.aside, bool(item.get("error"))
            self._add(result, event)

    def _heard_user(self, event: SessionEvent, text: str, language: str | None) -> None:
        """The item may be added after its words are known."""
        id = event.item_id or ""
        if id not in self.by_item:
            self.by_item[id] = self._add(Entry(kind="user", start_ms=0, end_ms=0, item_id=id), event)
        self.by_item[id].text = text
        turn = self._turn(id)
        turn.language = language or turn.language or self.language

    def _turn(self, id: str) -> _Turn:
        return self.turns.setdefault(id, _Turn())

    def _add(self, entry: Entry, event: SessionEvent) -> Entry:
        entry.start_ms = entry.end_ms = self._ms(event)
        self.entries.append(entry)
        return entry

    # Times

    def _time_user(self, entry: Entry, turn: _Turn) -> None:
        start = self.user.at(turn.began) if turn.began is not None else None
        end = self.user.until(turn.ended) if turn.ended is not None else None
        start = start if start is not None else turn.start
        if start is not None:
            entry.start_ms = round(start)
            end = end if end is not None else turn.end
            entry.end_ms = max(entry.start_ms, round(end) if end is not None else entry.start_ms)
        entry.words = spread(entry.text, entry.start_ms, entry.end_ms)
        entry.language = turn.language if entry.text else ""

    def _time_assistant(self, entry: Entry, spoken: Spoken, told: str | None) -> None:
        sent = spoken.text or entry.text
        if told is not None:
            entry.text = told.strip()
        elif spoken.heard_ms is not None and spoken.text:
            entry.text = _shorter(entry.text, spoken.heard_text().strip())
        at = sent.find(entry.text)
        if entry.is_cut or spoken.heard_ms is not None:
            entry.unheard = sent[at + len(entry.text) :].strip() if at >= 0 else ""
            entry.is_cut = entry.is_cut or bool(entry.unheard) or spoken.heard_end < spoken.audio_ms
        if not spoken.playing.parts:
            return
        playing, until = spoken.playing.at, spoken.playing.until(spoken.heard_end)
        if entry.is_cut and spoken.heard_ms is None:  # nobody noted where, but when it was over
            until = min(until, max(entry.end_ms, playing(0)))
        entry.start_ms, entry.end_ms = round(playing(0)), round(until)
        if at >= 0 and spoken.text:
            entry.words = timed(
                sent, spoken.moments, lambda ms: min(playing(ms), until), at, at + len(entry.text)
            )
        else:
            entry.words = spread(entry.text, entry.start_ms, entry.end_ms)

    def _ms(self, event: SessionEvent) -> int:
        return max(round((event.at - self.began).total_seconds() * 1000), 0)


def transcript_of(
    events: Iterable[SessionEvent], *, began: datetime, timeline: Timeline | None = None
) -> list[Entry]:
    """From the events of TYPES, in order, of a session that began then. Turns without words (a cough, what nobody
    transcribed) say so by an empty `text`."""
    timeline = timeline or {}
    reader = _Reader(began, UserAudio(timeline.get("user", ())), Line(timeline.get("items")))
    for event in events:
        reader.read(event)
    return reader.end()


def languages_of(entries: Iterable[Entry]) -> list[str]:
    """Those of the users' turns, the most spoken first."""
    words: dict[str, int] = {}
    for entry in entries:
        if entry.language:
            words[entry.language] = words.get(entry.language, 0) + word_count(entry.text)
    return sorted(words, key=lambda language: -words[language])


def words_of(entries: Iterable[Entry]) -> int:
    """How many were said and heard in the conversation."""
    return sum(word_count(entry.text) for entry in entries if entry.kind in ("user", "assistant"))


def _kind(item: Mapping[str, Any]) -> Kind:
    match item["type"]:
        case "message":
            role: Kind = item["role"]
            return role
        case "function_call_output" | "mcp_list_tools":
            return "result"
    return "call"


def _text(item: Mapping[str, Any]) -> str:
    if item["type"] == "message":
        return " ".join(part.get("text") or part.get("transcript") or "" for part in item["content"]).strip()
    if item["type"] == "mcp_list_tools":
        return ", ".join(tool["name"] for tool in item.get("tools", ()))
    return str(item.get("arguments") or item.get("output") or "")


def _outcome(item: Mapping[str, Any]) -> str:
    error = item.get("error")
    return str(error.get("message", "")) if error else str(item.get("output") or "")


def _configured_language(session: Mapping[str, Any]) -> str:
    audio = session.get("audio") or {}
    transcription = (audio.get("input") or {}).get("transcription") or {}
    return str(transcription.get("language") or "")


def _shorter(one: str, other: str) -> str:
    return min(one, other, key=len)
