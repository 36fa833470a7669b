"""The sound of a session: what is to be heard of it, and when.

On the event loop that costs an append of a reference for each piece of audio. A Mixer, which belongs to whoever
keeps the sound, makes two channels of it elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon.audio.formats import Decoder, Format
from antiphon.audio.pcm import to_int16
from antiphon.engine.effects import Heard
from antiphon.engine.formats import format_of
from antiphon.engine.input_buffer import LIMIT_MS, SAMPLES_PER_MS
from antiphon.engine.inputs import AudioFrame
from antiphon.engine.ports import Ending, Recalled
from antiphon.engine.timeline import Samples, Timeline
from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import InputAudioAppend

CHANGES_MS = 2_000
"""For so long what was to be played may still turn out not to have been: clients tell late where they stopped."""
MOST_AHEAD_MS = 600_000
"""Of the user's audio, which clients may send faster than it plays."""

_FULL = errors.buffer_full(LIMIT_MS).body.code


@dataclass(slots=True)
class Missed:
    """Audio that nobody had the time for: bytes of the user's in the client's format, and samples of each item."""

    user: int = 0
    items: dict[str, int] = field(default_factory=dict)


Note = tuple[object, float]
"""Something to be heard, and when it came, in ms on the session's clock."""

_AUDIO = (InputAudioAppend, AudioFrame, ev.OutputAudioDelta)
_NOTED = frozenset(
    (
        *_AUDIO,
        ev.SessionCreated,
        ev.SessionUpdated,
        ev.InputAudioCommitted,
        ev.ResponseCreated,
        ev.OutputAudioDone,
        ev.Error,
        Recalled,
        Heard,
        Ending,
    )
)


def bytes_of(event: object) -> int:
    """Of audio."""
    match event:
        case InputAudioAppend(audio=audio):
            return len(audio)
        case AudioFrame(pcm=pcm):
            return len(pcm)
        case ev.OutputAudioDelta(delta=delta):
            return len(delta)
    return 0


class RecordingObserver:
    """Observes one session. `emit` is called on the event loop and must return at once; while it `is_full` of
    audio, more is left out, which is told once there is room again."""

    def __init__(self, emit: Callable[[Note], object], is_full: Callable[[], bool]) -> None:
        self._emit = emit
        self._is_full = is_full
        self._missed: Missed | None = None

    def __call__(self, event: object, now: float) -> None:
        if type(event) not in _NOTED:
            return
        if self._missed is not None or type(event) in _AUDIO:
            if self._is_full() and type(event) in _AUDIO:
                self._miss(event)
                return
            if self._missed is not None:
                missed, self._missed = self._missed, None
                self._emit((missed, now))
        self._emit((event, now))

    def _miss(self, event: object) -> None:
        missed = self._missed = self._missed or Missed()
        if isinstance(event, ev.OutputAudioDelta):
            missed.items[event.item_id] = missed.items.get(event.item_id, 0) + event.samples
        else:
            missed.user += bytes_of(event)


class Mixer:
    """Takes notes in their order, and gives the sound of both sides: `int16[n, 2]` at 24 kHz, left the user.

    `zero` is when the recording begins, in ms on the session's clock. `paced`: the session's transport plays by
    itself, and its audio is that of the engine."""

    def __init__(self, zero: float, *, paced: bool = False) -> None:
        self.timeline = Timeline()
        self.ended: int | None = None  # samples
        self.missed = 0  # times that audio was left out
        self._zero = zero
        self._paced = paced
        self._input = Format()
        self._decoder = Decoder(self._input)
        self._formats: dict[str, Format] = {}  # of responses that speak otherwise
        self._answers: dict[str, Decoder] = {}  # of items of theirs

    def take(self, event: object, now: float) -> None:
        at = self._at(now)
        user, assistant = self.timeline.user, self.timeline.assistant
        match event:
            case InputAudioAppend(audio=audio):
                self._hear(audio, at)
            case AudioFrame(pcm=pcm):
                user.add(to_int16(pcm), at)
            case ev.OutputAudioDelta():
                assistant.add(event.item_id, self._said(event), at, event)
            case ev.OutputAudioDone(item_id=item_id) if decoder := self._answers.pop(item_id, None):
                assistant.add(item_id, to_int16(decoder.flush()), at)
            case Recalled(events=events):
                self._recall(events)
            case Heard(item_id=item_id, audio_ms=audio_ms):
                self._answers.pop(item_id, None)
                assistant.cut(item_id, audio_ms * SAMPLES_PER_MS, at)
            case ev.SessionCreated() | ev.SessionUpdated():
                self._read_as(format_of(event.session.audio.input.format))
            case ev.InputAudioCommitted():
                self._flush()
            case ev.ResponseCreated(response=response) if not self._paced:
                spoken = format_of(response.audio.output.format)
                if not spoken.is_native:
                    self._formats[response.id] = spoken
            case ev.Error(error=error) if error.code == _FULL:
                user.take_back()
            case Missed():
                self._miss(event, at)
            case Ending():
                self._end(at)

    def read(self, now: float, most: int) -> Samples:
        """The next samples, at most so many, of what can't change any more at `now`."""
        upto = self._at(now - CHANGES_MS) if self.ended is None else self.ended
        return self.timeline.read(upto, most)

    @property
    def is_read(self) -> bool:
        """Whether there is nothing more to come."""
        return self.ended is not None and self.timeline.read_to >= self.ended

    def _at(self, now: float) -> int:
        return max(round((now - self._zero) * SAMPLES_PER_MS), 0)

    def _hear(self, audio: bytes, at: int) -> None:
        user = self.timeline.user
        if user.end - at > MOST_AHEAD_MS * SAMPLES_PER_MS:
            self._miss(Missed(user=len(audio)), at)
            return
        if user.is_late(at):
            self._flush()
        user.add(to_int16(self._decoder.decode(audio)), at)

    def _flush(self) -> None:
        self.timeline.user.append(to_int16(self._decoder.flush()))

    def _read_as(self, source: Format) -> None:
        if source != self._input:
            self._flush()
            self._input, self._decoder = source, Decoder(source)

    def _said(self, event: ev.OutputAudioDelta) -> Samples:
        source = self._formats.get(event.response_id, Format())
        if source.is_native:
            return to_int16(event.delta)
        decoder = self._answers.get(event.item_id)
        if decoder is None:
            decoder = self._answers[event.item_id] = Decoder(source)
        return to_int16(decoder.decode(event.delta))

    def _recall(self, events: Sequence[ev.ServerEvent]) -> None:
        deltas = [event for event in events if isinstance(event, ev.OutputAudioDelta)]
        for delta in deltas:
            self._answers.pop(delta.item_id, None)
        self.timeline.assistant.recall(deltas)

    def _miss(self, missed: Missed, at: int) -> None:
        self.missed += 1
        per_sample = self._input.bytes_per_sample
        samples = missed.user // per_sample * SAMPLES_PER_MS * 1000 // self._input.rate
        if samples:
            self.timeline.user.miss(samples, at)
        for item_id, length in missed.items.items():
            self.timeline.assistant.miss(item_id, length)

    def _end(self, at: int) -> None:
        """What the user said is kept to its end."""
        self._flush()
        self.timeline.assistant.stop(at)
        self.ended = max(at, self.timeline.user.end, self.timeline.read_to)
