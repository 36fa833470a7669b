"""What was said and done in a session, in order, read from its log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from apps.conversations.models import PROBLEMS, SessionEvent

Kind = Literal["user", "assistant", "system", "call", "result", "problem"]

_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_SPOKEN = "response.output_audio_transcript.delta"
TYPES = (
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "conversation.item.added",
    "conversation.item.truncated",
    _TRANSCRIBED,
    _SPOKEN,
    "input_audio_buffer.speech_started",
    *PROBLEMS,
)
"""The events that a transcript is made of."""


@dataclass(slots=True)
class Entry:
    """One line. `unheard` is what the assistant had said and nobody heard, as the user spoke first.

    `name` is a function's, with its arguments or its result in `text`. Out-of-band responses (`aside`) are no part
    of the conversation.
    """

    kind: Kind
    at: datetime
    text: str = ""
    name: str = ""
    unheard: str = ""
    is_cut: bool = False
    aside: bool = False


class _Reader:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._by_item: dict[str, Entry] = {}
        self._sent: dict[str, str] = {}
        self._began: dict[str, datetime] = {}
        self._asides: set[str] = set()

    def read(self, event: SessionEvent) -> None:
        body = event.body
        match event.type:
            case "input_audio_buffer.speech_started":
                self._began[event.item_id or ""] = event.at
            case "response.created":
                if body["response"].get("conversation_id") is None:
                    self._asides.add(body["response"]["id"])
            case "conversation.item.added" | "response.output_item.added":
                self._open(event, body["item"])
            case "response.output_item.done":
                self._finish(event, body["item"])
            case "conversation.item.truncated":
                if entry := self._by_item.get(event.item_id or ""):
                    entry.is_cut = True
            case "turn.transcribed":
                self._user(event).text = body["text"]
            case type if type == _TRANSCRIBED:
                self._user(event).text = body["transcript"]
            case type if type == _SPOKEN:
                self._sent[event.item_id or ""] = self._sent.get(event.item_id or "", "") + body["delta"]
            case _:
                self.entries.append(Entry("problem", event.at, problem_text(body)))

    def _user(self, event: SessionEvent) -> Entry:
        """Its item may be added after its words are known."""
        id = event.item_id or ""
        if id not in self._by_item:
            self._by_item[id] = Entry("user", self._began.get(id, event.at))
            self.entries.append(self._by_item[id])
        return self._by_item[id]

    def _open(self, event: SessionEvent, item: dict[str, Any]) -> None:
        if item["id"] in self._by_item:
            return
        entry = Entry(
            _kind(item), self._began.get(item["id"], event.at), aside=event.response_id in self._asides
        )
        entry.name, entry.text = item.get("name", ""), _text(item)
        self._by_item[item["id"]] = entry
        self.entries.append(entry)

    def _finish(self, event: SessionEvent, item: dict[str, Any]) -> None:
        self._open(event, item)
        entry = self._by_item[item["id"]]
        entry.text, entry.is_cut = _text(item), entry.is_cut or item.get("status") == "incomplete"
        sent = self._sent.get(item["id"], "")
        if entry.is_cut and sent.startswith(entry.text):
            entry.unheard = sent[len(entry.text) :].strip()
        if item["type"] == "mcp_call":
            self.entries.append(Entry("result", event.at, _outcome(item), name=entry.name, aside=entry.aside))


def transcript_of(events: Iterable[SessionEvent]) -> Sequence[Entry]:
    """From the events of TYPES, in order. Turns without words (a cough, what nobody transcribed) say so by an empty
    `text`."""
    reader = _Reader()
    for event in events:
        reader.read(event)
    return reader.entries


def problem_text(body: dict[str, Any]) -> str:
    """What went wrong, in the words of the event that tells."""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "")
    return str(body.get("message") or error or "")


def _kind(item: dict[str, Any]) -> Kind:
    match item["type"]:
        case "message":
            role: Kind = item["role"]
            return role
        case "function_call_output" | "mcp_list_tools":
            return "result"
    return "call"


def _text(item: dict[str, Any]) -> str:
    if item["type"] == "message":
        return " ".join(part.get("text") or part.get("transcript") or "" for part in item["content"]).strip()
    if item["type"] == "mcp_list_tools":
        return ", ".join(tool["name"] for tool in item.get("tools", ()))
    return str(item.get("arguments") or item.get("output") or "")


def _outcome(item: dict[str, Any]) -> str:
    error = item.get("error")
    return str(error.get("message", "")) if error else str(item.get("output") or "")
