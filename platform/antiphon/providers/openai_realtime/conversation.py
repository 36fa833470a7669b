"""The conversation as the model has it over one connection, brought up to date by the events of the protocol."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pybase64

from antiphon.providers.base.llm import Message
from antiphon.providers.base.memory import Known, Memory, given, single
from antiphon.providers.openai_realtime.shapes import item_of

Event = dict[str, Any]

_APPENDED = 48_000 * 4  # bytes of audio in one event
_TIDYING = ("conversation.item.delete", "conversation.item.truncate", "input_audio_buffer.clear")


class OutOfStep(Exception):
    """What the model has can't be changed to what it should have; a new connection can be told everything."""


class Conversation:
    """Pure: takes what the session has, gives the events that tell the model."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._turn = ""  # the item of what is in the model's input buffer
        self._heard = 0  # bytes of it
        self._committed: list[Known] = []  # whose ids the provider has yet to tell
        self._numbers = count(1)

    def hear(self, item_id: str, pcm: bytes) -> list[Event]:
        events = self.drop(self._turn) if item_id != self._turn else []
        self._turn = item_id
        self._heard += len(pcm)
        return events + _append(pcm)

    def drop(self, item_id: str) -> list[Event]:
        if not item_id or item_id != self._turn:
            return []
        self._turn, self._heard = "", 0
        return [{"type": "input_audio_buffer.clear"}]

    def committed(self, ref: str) -> None:
        """The provider has made an item of what the model heard."""
        if self._committed:
            self._committed.pop(0).ref = ref

    def update(self, messages: Sequence[Message]) -> list[Event]:
        """Has the model know these messages and nothing else. Raises OutOfStep."""
        wanted = list(single(messages))
        memory = self.memory
        turn = Known("user", self._turn, by_ear=True)
        if self._turn:
            memory.items.append(turn)
        matched = memory.match(wanted)
        events = [self._delete(known) for known in memory.items if known not in matched and known is not turn]
        if turn in matched:
            events += self._commit(turn, wanted[matched.index(turn)].audio)
        elif any(message.item_id == self._turn for message in wanted):
            events += self.drop(self._turn)  # its place is not at the end
        last_known = max((at for at, known in enumerate(matched) if known), default=-1)
        fresh = _fresh(wanted)
        memory.items = []
        for at, (message, known) in enumerate(zip(wanted, matched, strict=True)):
            if known is None:
                previous = memory.items[-1].ref if memory.items else "root"
                known, event = self._create(message, fresh=at >= fresh)
                if at < last_known:
                    if not previous:
                        raise OutOfStep
                    event["previous_item_id"] = previous
                events.append(event)
            elif known.is_cut_by(message):
                events.append(_truncate(known, message.heard_ms or 0.0))
            memory.items.append(known)
        return events

    def as_input(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """These messages as the input of a response beside the conversation: references to what the model has."""
        wanted = list(single(messages))
        fresh = _fresh(wanted)
        items: list[dict[str, Any]] = []
        for at, (message, known) in enumerate(zip(wanted, self.memory.match(wanted), strict=True)):
            if known is not None and known.ref and not known.is_cut_by(message):
                items.append({"type": "item_reference", "id": known.ref})
            else:
                items.append(self._item(message, by_ear=_by_ear(message, fresh=at >= fresh)))
        return items

    def _commit(self, turn: Known, whole: bytes) -> list[Event]:
        events = [*_append(whole[self._heard :]), {"type": "input_audio_buffer.commit"}]
        self._committed.append(turn)
        self._turn, self._heard = "", 0
        return events

    def _create(self, message: Message, *, fresh: bool) -> tuple[Known, Event]:
        by_ear = _by_ear(message, fresh=fresh)
        known = given(message, f"antiphon_{next(self._numbers)}", by_ear=by_ear)
        item = {"id": known.ref, **self._item(message, by_ear=by_ear)}
        return known, {"type": "conversation.item.create", "item": item}

    def _item(self, message: Message, *, by_ear: bool) -> dict[str, Any]:
        call_id = message.call_id
        return item_of(message, call_id=self.memory.calls.get(call_id or "", call_id), by_ear=by_ear)

    @staticmethod
    def _delete(known: Known) -> Event:
        if not known.ref:
            raise OutOfStep
        return {"type": "conversation.item.delete", "item_id": known.ref}


def is_text(event: Event) -> bool:
    """Whether it tells the model a message in writing, which xAI bills."""
    item = event.get("item", {})
    return any(part["type"] in ("input_text", "output_text") for part in item.get("content", ()))


def is_tidying(event: Event) -> bool:
    """Whether this only clears away, so that it does not matter if the provider has nothing to clear."""
    return event["type"] in _TIDYING


def _append(pcm: bytes) -> list[Event]:
    return [
        {
            "type": "input_audio_buffer.append",
            "audio": pybase64.b64encode_as_string(pcm[start : start + _APPENDED]),
        }
        for start in range(0, len(pcm), _APPENDED)
    ]


def _truncate(known: Known, heard_ms: float) -> Event:
    known.spoken_ms = heard_ms
    return {
        "type": "conversation.item.truncate",
        "item_id": known.ref,
        "content_index": 0,
        "audio_end_ms": int(heard_ms),
    }


def _fresh(messages: Sequence[Message]) -> int:
    """Where the messages begin that no answer has followed yet."""
    return 1 + max((at for at, m in enumerate(messages) if m.role == "assistant"), default=-1)


def _by_ear(message: Message, *, fresh: bool) -> bool:
    """Sound for what is to be answered; for what lies back words will do, if there are any."""
    return bool(message.audio) and (fresh or not message.text)
