"""The user's side: audio into the input buffer, turns out of it, each turn one item of the conversation."""

from collections.abc import Iterable

from antiphon.audio.formats import Decoder, Format
from antiphon.engine.answering import IDLE, Answering
from antiphon.engine.conversation import Entry
from antiphon.engine.effects import CancelTimer, Detect, Hear, ScoreTurn, StopDetecting, StopHearing
from antiphon.engine.formats import format_of
from antiphon.engine.input_buffer import BYTES_PER_SAMPLE, SAMPLES_PER_MS, InputBuffer
from antiphon.engine.inputs import Foreseen, PartlyTranscribed, SpeechHeard, TurnScored, TurnSignalled
from antiphon.engine.state import SessionState
from antiphon.engine.transcripts import Transcripts
from antiphon.engine.turns import (
    UNHEARD_MS,
    WINDOW,
    PauseBegan,
    ProbablyOver,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnDecision,
    TurnDetector,
)
from antiphon.protocol import errors, items
from antiphon.protocol import server_events as ev
from antiphon.protocol.session import AudioFormat, ServerVad, TurnDetection

SHORTEST_COMMIT_MS = 100
_UNSPOKEN_MS = 10_000  # audio that is kept while nobody speaks, for a commit by hand
_SCORED_MS = 8_000  # what the end-of-turn model listens to
# It expects the whole of the shortest wait: should the pause last so long, the rest of it will be silence.
_UNHEARD = bytes(UNHEARD_MS * SAMPLES_PER_MS * BYTES_PER_SAMPLE)


class Listening:
    def __init__(self, state: SessionState, transcripts: Transcripts, answering: Answering) -> None:
        self._state = state
        self._transcripts = transcripts
        self._answering = answering
        self._buffer = InputBuffer()
        self._read_as(state.session.audio.input.format)
        self._run = 0
        self._detector: TurnDetector | None = None
        self._item_id = ""  # of the turn being spoken
        self._start = 0
        self._followed = 0  # how far the recogniser of this turn has been given its audio
        self._hearer = ""  # the model that hears this turn as it is spoken ...
        self._heard = 0  # ... and how far it has been given it
        self.configure(None)

    def configure(self, before: TurnDetection | None) -> None:
        """Takes over the session's format and turn detection, which was `before`. A turn in progress goes on under
        other settings; without turn detection it stays in the buffer until the client commits it."""
        if self._format != self._state.session.audio.input.format:
            self._take(self._decoder.flush())
            self._read_as(self._state.session.audio.input.format)
        settings = self._settings
        if settings is None:
            self.stop()
        elif self._detector is None:
            self._run += 1
            self._detector = TurnDetector(settings, self._buffer.end)
        elif settings != before:
            self._detector.configure(settings)

    def stop(self) -> None:
        """Nobody listens for turns any more: one that is being spoken is forgotten."""
        if self._detector is not None:
            self._drop_turn()
            self._detector = None
            self._state.do(StopDetecting())

    def _read_as(self, wire: AudioFormat) -> None:
        format = format_of(wire)
        self._format = wire
        self._decoder = Decoder(format)
        self._bytes_per_ms = format.bytes_per_sample * format.rate / 1000

    def append(self, audio: bytes) -> None:
        """Takes audio in the session's input format. Raises Refused, having taken nothing, when it is full."""
        self._buffer.check_room(len(audio) / self._bytes_per_ms)
        self._take(self._decoder.decode(audio))

    def listen(self, pcm: bytes) -> None:
        """Takes audio of the line, PCM16 at 24 kHz."""
        self._buffer.check_room(len(pcm) / BYTES_PER_SAMPLE / SAMPLES_PER_MS)
        self._take(pcm)

    def _take(self, pcm: bytes) -> None:
        self._keep(pcm)
        if self._detector is not None and self._detector.speaking:
            self._decide(self._detector.reached(self._buffer.end))

    def _keep(self, pcm: bytes) -> None:
        self._buffer.append(pcm)
        if self._detector is not None and pcm:
            self._state.do(Detect(self._run, pcm))

    def heard(self, heard: SpeechHeard) -> None:
        detector = self._detector
        if detector is None or heard.run != self._run:
            return
        self._decide(detector.heard(heard.probabilities, self._buffer.end))
        if detector.speaking:
            self._follow(detector.evaluated)
        else:
            self._buffer.drop(detector.evaluated - _UNSPOKEN_MS * SAMPLES_PER_MS)

    def scored(self, score: TurnScored) -> None:
        if self._detector is not None:
            self._decide(self._detector.scored(score.pause, score.probability, self._buffer.end))

    def worded(self, partial: PartlyTranscribed) -> None:
        """What the turn says so far, as one more sign of whether it is over."""
        if self._detector is not None and partial.item_id == self._item_id:
            wanted = self._state.session.audio.input.transcription
            language = wanted.language if wanted else None
            self._decide(self._detector.worded(partial.text, self._buffer.end, language))

    def signalled(self, signal: TurnSignalled) -> None:
        if self._detector is not None and signal.item_id == self._item_id:
            self._decide(self._detector.signalled(signal.sign, self._buffer.end))

    def commit(self) -> None:
        """By hand: the turn being spoken, else all there is. Raises Refused below 100 ms."""
        self._keep(self._decoder.flush())
        speaking = self._detector is not None and self._detector.speaking
        start = self._start if speaking else self._buffer.start
        end = self._buffer.end
        if end - start < SHORTEST_COMMIT_MS * SAMPLES_PER_MS:
            raise errors.buffer_too_small((end - start) / SAMPLES_PER_MS)
        if self._detector is not None and end - self._detector.evaluated >= WINDOW:
            self._transcripts.stop_foreseeing(self._item_id)  # nobody knows yet whether speech went on
        self._commit(start, end, self._item_id if speaking else self._state.ids.new("item"))
        if self._detector is not None:
            self._detector.restart(end)

    def clear(self) -> None:
        """A turn being spoken is forgotten; what follows may begin another."""
        self._decoder = Decoder(format_of(self._format))
        self._buffer.clear()
        self._drop_turn()
        if self._detector is not None:
            self._detector.restart(self._buffer.end)
        self._state.send(ev.InputAudioCleared())

    def waited(self) -> None:
        """The user has kept silent since the last answer: the silence is a turn, and is answered."""
        detector, settings = self._detector, self._settings
        if not isinstance(settings, ServerVad) or settings.idle_timeout_ms is None:
            return
        if detector is None or detector.speaking or not self._answering.is_quiet:
            return
        end = self._buffer.end
        start = max(self._buffer.start, end - settings.idle_timeout_ms * SAMPLES_PER_MS)
        item_id = self._state.ids.new("item")
        self._state.send(
            ev.InputAudioTimeoutTriggered(
                audio_start_ms=start // SAMPLES_PER_MS, audio_end_ms=end // SAMPLES_PER_MS, item_id=item_id
            )
        )
        self._add_item(item_id, is_silence=True)
        self._state.audio.add(item_id, self._buffer.take(start, end), Format())
        detector.restart(end)
        self._answering.answer_silence()

    @property
    def hears_speech(self) -> bool:
        """The user is in the middle of a turn."""
        return self._detector is not None and self._detector.speaking

    @property
    def _settings(self) -> TurnDetection | None:
        return self._state.session.audio.input.turn_detection

    def _decide(self, decisions: Iterable[TurnDecision]) -> None:
        for decision in decisions:
            match decision:
                case SpeechStarted(at):
                    self._turn_started(at)
                case PauseBegan(pause, at):
                    start = max(self._start, at - _SCORED_MS * SAMPLES_PER_MS)
                    self._state.do(ScoreTurn(pause, self._buffer.read(start, at) + _UNHEARD))
                case ProbablyOver(at):
                    self._foresee(at)
                case SpeechResumed():
                    self._transcripts.stop_foreseeing(self._item_id)
                case SpeechStopped(at):
                    self._turn_stopped(at)

    def _follow(self, end: int) -> None:
        """Gives the turn so far to whoever can make something of it already."""
        if self._transcripts.are_made and (pcm := self._buffer.read(self._followed, end)):
            self._transcripts.follow(self._item_id, pcm)
            self._followed = end
        hearer = self._state.session.model if self._state.native else ""
        if hearer != self._hearer:
            self._stop_hearing()
            self._hearer, self._heard = hearer, self._start
        if hearer and (pcm := self._buffer.read(self._heard, end)):
            self._state.do(Hear(hearer, self._item_id, pcm))
            self._heard = end

    def _drop_turn(self) -> None:
        if self._detector is not None and self._detector.speaking:
            self._transcripts.drop(self._item_id)
            self._stop_hearing()

    def _stop_hearing(self) -> None:
        if self._hearer:
            self._state.do(StopHearing(self._hearer, self._item_id))
            self._hearer = ""

    def _foresee(self, at: int) -> None:
        """The turn is probably over: its words are found out, and its answer is begun, before that is certain."""
        settings = self._settings
        if settings is None or not settings.create_response:
            return
        if not self._answering.may_foresee:
            return
        self._transcripts.foresee(self._item_id, self._buffer.read(self._start, at))

    def foreseen(self, result: Foreseen) -> None:
        """The words of the turn, if it is over."""
        detector = self._detector
        if detector is not None and detector.probably_over and result.item_id == self._item_id:
            if result.certain:
                self._transcripts.foreseen(result)
            self._answering.foresee(result.item_id, result.text)

    def _turn_started(self, at: int) -> None:
        self._item_id = self._state.ids.new("item")
        self._state.conversation.reserved.add(self._item_id)
        self._state.do(CancelTimer(IDLE))
        self._start = self._followed = self._heard = max(at, self._buffer.start)
        self._hearer = ""
        self._state.send(
            ev.InputAudioSpeechStarted(audio_start_ms=self._start // SAMPLES_PER_MS, item_id=self._item_id)
        )
        if self._settings is not None and self._settings.interrupt_response:
            self._answering.interrupt("turn_detected")

    def _turn_stopped(self, at: int) -> None:
        self._state.send(ev.InputAudioSpeechStopped(audio_end_ms=at // SAMPLES_PER_MS, item_id=self._item_id))
        self._commit(self._start, at, self._item_id)
        if self._settings is not None and self._settings.create_response:
            self._answering.answer_turn(self._item_id)

    def _commit(self, start: int, end: int, item_id: str) -> None:
        pcm = self._buffer.take(start, end)
        self._transcripts.start(self._add_item(item_id), pcm)

    def _add_item(self, item_id: str, *, is_silence: bool = False) -> Entry:
        item = items.Message(id=item_id, role="user", content=[items.InputAudio()])
        entry = Entry(item, is_silence=is_silence)
        previous = self._state.conversation.insert(entry)
        self._state.send(ev.InputAudioCommitted(previous_item_id=previous, item_id=item_id))
        self._state.send(ev.ItemAdded(previous_item_id=previous, item=item))
        self._state.send(ev.ItemDone(previous_item_id=previous, item=item))
        return entry
