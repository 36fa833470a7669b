"""Where the time of each spoken turn went, read from a session's log."""

import math
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


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a stage over the turns that had it, in ms: half of them took at most `p50`, nine in ten at most `p90`."""

    name: str
    p50: float
    p90: float


def spreads_of(turns: Sequence[Turn]) -> list[Spread]:
    """Of each stage that any turn had, and of all of it."""
    taken: dict[str, list[int]] = {name: [] for name in (*_STAGES.values(), "in all")}
    for turn in turns:
        for stage in turn.stages:
            taken[stage.name].append(stage.ms)
        if turn.total is not None:
            taken["in all"].append(turn.total)
    return [Spread(name, _share(ms, 0.5), _share(ms, 0.9)) for name, ms in taken.items() if ms]


def _share(values: Sequence[int], share: float) -> float:
    """As PostgreSQL's percentile_cont."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
    return low + (high - low) * (at - math.floor(at))


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
        elif event.type in _STAGES and (
            event.item_id == turn.item_id or (event.response_id and event.response_id == turn.response_id)
        ):
            ms = round((event.at - turn.stopped).total_seconds() * 1000)
            turn.marks.setdefault(_STAGES[event.type], ms)
    return turns
