"""Where the time of each spoken turn went, read from a session's log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from apps.conversations.models import SessionEvent

_STAGES: Mapping[str, str] = {
    "turn.transcribed": "transcript",
    "model.started": "first token",
    "response.output_audio.delta": "first audio",
}
TYPES = (
    "input_audio_buffer.speech_stopped",
    "response.created",
    "response.done",
    "conversation.item.truncated",
    *_STAGES,
)
"""The events that latencies are made of."""


@dataclass(frozen=True, slots=True)
class Stage:
    """In ms since the end of the user's speech was noticed."""

    name: str
    start: int
    end: int

    @property
    def ms(self) -> int:
        return self.end - self.start


@dataclass(slots=True)
class Turn:
    number: int
    stopped: datetime
    item_id: str
    response_id: str = ""
    marks: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False  # its answer was cut short by the user

    @property
    def stages(self) -> list[Stage]:
        """In the order in which they ended; an answer that was begun early has some that took no time. A transcript
        that the answer did not wait for is none."""
        stages, before = [], 0
        for name, at in sorted(self.marks.items(), key=lambda mark: mark[1]):
            if name != "transcript" or at <= self.marks.get("first token", at):
                stages.append(Stage(name, before, at))
                before = at
        return stages

    @property
    def total(self) -> int | None:
        """Until the first audio; None for a turn that had none."""
        return self.marks.get("first audio")


def turns_of(events: Iterable[SessionEvent]) -> Sequence[Turn]:
    """From the events of TYPES, in order."""
    turns: list[Turn] = []
    by_response: dict[str, Turn] = {}
    by_item: dict[str, Turn] = {}
    for event in events:
        turn = turns[-1] if turns else None
        if event.response_id in by_response and event.item_id:
            by_item[event.item_id] = by_response[event.response_id]
        if event.type == "input_audio_buffer.speech_stopped":
            turns.append(Turn(len(turns) + 1, event.at, event.item_id or ""))
        elif turn is None:
            continue
        elif event.type == "response.created":
            if not turn.response_id and event.body["response"].get("conversation_id") is not None:
                turn.response_id = event.response_id or ""
                by_response[turn.response_id] = turn
        elif event.type == "response.done":
            if answered := by_response.get(event.response_id or ""):
                details = event.body["response"].get("status_details") or {}
                answered.interrupted |= details.get("reason") == "turn_detected"
        elif event.type == "conversation.item.truncated":
            if answered := by_item.get(event.item_id or ""):
                answered.interrupted = True
        elif event.item_id == turn.item_id or (event.response_id and event.response_id == turn.response_id):
            ms = round((event.at - turn.stopped).total_seconds() * 1000)
            turn.marks.setdefault(_STAGES[event.type], ms)
    return turns
