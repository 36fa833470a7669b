"""The log of a session: what its client and it said to each other, in order, and never a byte of audio.

On the event loop a record costs an append of a reference; `entry_of` makes JSON of it elsewhere. That is safe
because events are not changed once they were sent: items and sessions are frozen, and replaced rather than changed.

Audio that comes in is one record for each turn. Consecutive deltas of one kind and item are one record: in speech,
whose pieces each begin with their words, that is one for the words and one for the audio of each piece, with its
place in the item's audio, so that words have times. A record takes its place (`seq`, `at`) when it begins, and is
emitted when it can't change any more; so records are emitted out of order now and then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, structs

from antiphon.engine import inputs
from antiphon.engine.effects import Heard
from antiphon.engine.input_buffer import BYTES_PER_SAMPLE, SAMPLES_PER_MS
from antiphon.engine.observers.latency import TurnLatency
from antiphon.engine.ports import Ending, Recalled
from antiphon.metering.records import UsageRecord, shown_to_tenant
from antiphon.protocol import client_events as client
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import Message

Direction = Literal["client", "server", "engine"]

ENGINE_TYPES: dict[type, str] = {
    inputs.TurnScored: "turn.scored",
    inputs.Transcribed: "turn.transcribed",
    inputs.TranscriptionBroke: "turn.not_transcribed",
    inputs.ModelStarted: "model.started",
    inputs.Generated: "model.ended",
    inputs.GenerationBroke: "model.failed",
    inputs.Attempted: "model.attempt",
    inputs.LatencyDecided: "latency.decided",
    inputs.FunctionStarted: "tool.started",
    inputs.FunctionEnded: "tool.ended",
    Heard: "item.heard",
    UsageRecord: "usage",
    Ending: "session.ended",
}
"""What happens inside a session and no event tells, by the name it has in the log."""

_APPEND = "input_audio_buffer.append"
_LONGEST_URL = 200  # characters of an image's address that are kept; a data URL holds the image itself
_MOST_TIMED = 2000  # turns of one session
_SECRET = ("authorization", "headers")  # of a tool: what it authenticates with

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Totals:
    """What a session comes to so far. Audio is what came in, and what was sent, heard or not. `response_ms` has how
    long each spoken turn waited for its answer."""

    turns: int = 0
    responses: int = 0
    interruptions: int = 0
    errors: int = 0
    user_audio_ms: float = 0.0
    assistant_audio_ms: float = 0.0
    cost_micro: int = 0
    response_ms: list[int] = field(default_factory=list)


@dataclass(slots=True)
class AppendedAudio:
    """The audio that came in for one turn, and before it."""

    began: float
    last: float
    appends: int = 0
    audio_ms: float = 0.0


@dataclass(slots=True)
class Deltas:
    """Consecutive deltas of one kind and item. `event` is the first of them, without its audio."""

    seq: int
    began: float
    event: Any
    start_ms: float = 0.0
    last: float = 0.0
    count: int = 0
    audio_ms: float = 0.0
    words: list[str] = field(default_factory=list)


class Record(Struct, frozen=True, gc=False):
    """One line of the log. `at` is in ms since 1970; `seq` counts from 0 in each session."""

    session: UUID
    seq: int
    at: float
    direction: Direction
    event: object


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in the shape in which it is kept. `body` is JSON: the event as it is on the wire."""

    type: str
    response_id: str | None
    item_id: str | None
    body: bytes


class LogObserver:
    """Observes one session. `emit` is called on the event loop and must return at once."""

    def __init__(self, session: UUID, emit: Callable[[Record], object], *, epoch_ms: float) -> None:
        """`epoch_ms` is when the session's clock read zero, in ms since 1970."""
        self.totals = Totals()
        self.ending: Ending | None = None
        self._session = session
        self._emit = emit
        self.epoch_ms = epoch_ms
        self._seq = 0
        self._appended: tuple[int, AppendedAudio] | None = None
        self._ms_per_byte = 0.0
        self._open: dict[str, list[Deltas]] = {}
        self._cut_items: set[str] = set()

    def __call__(self, event: object, now: float) -> None:
        handler = _handlers[type(event)]
        if handler is not None:
            handler(self, event, now + self.epoch_ms)

    def add(self, record: UsageRecord) -> None:
        """Puts it in the log as of now: what it records is over."""
        self.totals.cost_micro += record.price_micro
        self._note("engine", record, record.at)

    def answered(self, turn: TurnLatency) -> None:
        """Counts how long a spoken turn waited for the first audio of its answer."""
        if turn.total is not None and len(self.totals.response_ms) < _MOST_TIMED:
            self.totals.response_ms.append(round(turn.total))

    # What the client says

    def _append(self, event: client.InputAudioAppend, at: float) -> None:
        self._add_audio(len(event.audio) * self._ms_per_byte, at)

    def _frame(self, frame: inputs.AudioFrame, at: float) -> None:
        self._add_audio(len(frame.pcm) / (BYTES_PER_SAMPLE * SAMPLES_PER_MS), at)

    def _add_audio(self, ms: float, at: float) -> None:
        if self._appended is None:
            self._appended = self._next_seq(), AppendedAudio(at, at)
        audio = self._appended[1]
        audio.appends += 1
        audio.audio_ms += ms
        audio.last = at
        self.totals.user_audio_ms += ms

    def _client_event(self, event: client.ClientEvent, at: float) -> None:
        self._note("client", _kept(event), at)

    # What the session says

    def _server_event(self, event: ev.ServerEvent, at: float) -> None:
        match event:
            case ev.SessionCreated() | ev.SessionUpdated():
                self._ms_per_byte = _ms_per_byte(event.session.audio.input.format)
            case ev.InputAudioCommitted() | ev.InputAudioCleared():
                self._end_appended()
            case ev.ItemDone(item=Message(role="user")):
                self.totals.turns += 1
            case ev.ItemTruncated(item_id=item_id):
                self._count_interruption({item_id})
            case ev.ResponseCreated():
                self.totals.responses += 1
            case ev.ResponseDone():
                self._response_done(event)
            case ev.Error() | ev.TranscriptionFailed():
                self.totals.errors += 1
        if self._open and not isinstance(event, ev.ItemTruncated):
            self._end_deltas(_item_id(event))
        self._note("server", _kept(event), at)

    def _response_done(self, event: ev.ResponseDone) -> None:
        details = event.response.status_details
        if details is not None and details.reason == "turn_detected":
            self._count_interruption({item.id for item in event.response.output})
        elif event.response.status == "failed":
            self.totals.errors += 1

    def _count_interruption(self, item_ids: set[str]) -> None:
        """An answer that is cut short is often cancelled as well as truncated: that is one interruption."""
        if not item_ids & self._cut_items:
            self.totals.interruptions += 1
        self._cut_items |= item_ids

    def _delta(self, event: Any, at: float) -> None:
        runs = self._open.setdefault(event.item_id, [])
        run = runs[-1] if runs else None
        audio = type(event) is ev.OutputAudioDelta
        if run is None or type(run.event) is not type(event):
            start_ms = sum(earlier.audio_ms for earlier in runs)
            first = structs.replace(event, delta=b"") if audio else event
            run = Deltas(self._next_seq(), at, first, start_ms)
            runs.append(run)
        run.count += 1
        run.last = at
        if audio:
            ms = _audio_ms(event)
            run.audio_ms += ms
            self.totals.assistant_audio_ms += ms
        else:
            run.words.append(event.delta)

    def _recalled(self, recalled: Recalled, at: float) -> None:
        for event in recalled.events:
            runs = self._open.get(_item_id(event) or "")
            if not runs:
                continue
            run = runs[-1]
            run.count -= 1
            if isinstance(event, ev.OutputAudioDelta):
                ms = _audio_ms(event)
                run.audio_ms -= ms
                self.totals.assistant_audio_ms -= ms
            else:
                run.words.pop()
            if run.count == 0:
                runs.pop()

    # What happens inside

    def _engine_event(self, event: object, at: float) -> None:
        self._note("engine", event, at)

    def _ended(self, ending: Ending, at: float) -> None:
        self.ending = ending
        self._end_appended()
        for item_id in list(self._open):
            self._end_deltas(item_id)
        self._note("engine", ending, at)

    def _end_appended(self) -> None:
        if self._appended is not None:
            (seq, audio), self._appended = self._appended, None
            self._emit(Record(self._session, seq, audio.began, "client", audio))

    def _end_deltas(self, item_id: str | None) -> None:
        for run in self._open.pop(item_id or "", ()):
            self._emit(Record(self._session, run.seq, run.began, "server", run))

    def _note(self, direction: Direction, event: object, at: float) -> None:
        self._emit(Record(self._session, self._next_seq(), at, direction, event))

    def _next_seq(self) -> int:
        seq = self._seq
        self._seq = seq + 1
        return seq


_Handler = Callable[[LogObserver, Any, float], None]


class _Handlers(dict[type, _Handler | None]):
    """None for what is too fine to be kept: detectors' windows, playing, and what models produce, since that
    leaves as server events."""

    def __missing__(self, kind: type) -> _Handler | None:
        handler: _Handler | None = None
        if kind in ENGINE_TYPES:
            handler = LogObserver._engine_event
        elif issubclass(kind, client.ClientEventBase):
            handler = LogObserver._client_event
        elif issubclass(kind, ev.ServerEvent):
            handler = LogObserver._delta if _tag(kind).endswith(".delta") else LogObserver._server_event
        self[kind] = handler
        return handler


_handlers = _Handlers(
    {
        client.InputAudioAppend: LogObserver._append,
        inputs.AudioFrame: LogObserver._frame,
        Recalled: LogObserver._recalled,
        Ending: LogObserver._ended,
    }
)


def entry_of(record: Record) -> Entry:
    """Pure and thread-safe; takes about as long as encoding the event."""
    event = record.event
    if isinstance(event, AppendedAudio):
        lasted = round(event.last - event.began)
        body = {
            "type": _APPEND,
            "appends": event.appends,
            "audio_ms": round(event.audio_ms),
            "lasted_ms": lasted,
        }
        return Entry(_APPEND, None, None, _encoder.encode(body))
    if isinstance(event, Deltas):
        fields = _fields_of(event)
        return Entry(fields["type"], fields.get("response_id"), fields["item_id"], _encoder.encode(fields))
    if record.direction == "engine":
        kind = ENGINE_TYPES[type(event)]
        shown = shown_to_tenant(event) if isinstance(event, UsageRecord) else msgspec.to_builtins(event)
        fields = {"type": kind} | shown
        return Entry(kind, fields.get("response_id"), fields.get("item_id"), _encoder.encode(fields))
    return Entry(_tag(type(event)), _response_id(event), _item_id(event), _encoder.encode(event))


def _fields_of(run: Deltas) -> dict[str, Any]:
    """The first delta as it is on the wire, with the words of all, or with the length of their audio."""
    fields: dict[str, Any] = msgspec.to_builtins(run.event)
    if isinstance(run.event, ev.OutputAudioDelta):
        del fields["delta"], fields["samples"]
        fields |= {"audio_start_ms": round(run.start_ms), "audio_ms": round(run.audio_ms)}
    else:
        fields["delta"] = "".join(run.words)
    return fields | {"deltas": run.count, "lasted_ms": round(run.last - run.began)}


def _kept(event: Any) -> Any:
    """The event without images, audio and what tools authenticate with."""
    if isinstance(event, client.ResponseCreate):
        if event.response is None:
            return event
        params = event.response
        if params.input is not UNSET:
            params = structs.replace(params, input=[_without_media(item) for item in params.input])
        if params.tools is not UNSET:
            params = structs.replace(params, tools=_without_secrets(params.tools))
        return structs.replace(event, response=params)
    if hasattr(event, "item"):
        item = _without_media(event.item)
        return event if item is event.item else structs.replace(event, item=item)
    if hasattr(event, "session") and (tools := getattr(event.session, "tools", UNSET)):
        return structs.replace(event, session=structs.replace(event.session, tools=_without_secrets(tools)))
    return event


def _without_media(item: Any) -> Any:
    if not isinstance(item, Message) or not any(_has_medium(part) for part in item.content):
        return item
    return structs.replace(item, content=[_without_medium(part) for part in item.content])


def _has_medium(part: Any) -> bool:
    return getattr(part, "audio", UNSET) is not UNSET or len(getattr(part, "image_url", "")) > _LONGEST_URL


def _without_medium(part: Any) -> Any:
    if hasattr(part, "audio"):
        return structs.replace(part, audio=UNSET)
    if _has_medium(part):
        url = part.image_url
        return structs.replace(part, image_url=f"{url[:_LONGEST_URL]}... ({len(url)} characters)")
    return part


def _without_secrets(tools: list[Any]) -> list[Any]:
    return [
        structs.replace(tool, **{name: None for name in _SECRET if hasattr(tool, name)}) for tool in tools
    ]


def _audio_ms(event: ev.OutputAudioDelta) -> float:
    return event.samples / SAMPLES_PER_MS


def _ms_per_byte(audio_format: Any) -> float:
    """How long one byte of audio plays. G.711, which has no rate, is 8 kHz with a byte for each sample."""
    rate = getattr(audio_format, "rate", None)
    return 1000 / (rate * BYTES_PER_SAMPLE) if rate else 1 / 8


def _response_id(event: Any) -> str | None:
    if hasattr(event, "response_id"):
        return event.response_id or None
    return getattr(getattr(event, "response", None), "id", None)


def _item_id(event: Any) -> str | None:
    if hasattr(event, "item_id"):
        return event.item_id or None
    return getattr(getattr(event, "item", None), "id", None) or None


def _tag(kind: type) -> str:
    config: Any = getattr(kind, "__struct_config__", None)
    return str(config.tag)
