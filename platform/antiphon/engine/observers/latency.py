"""Where the time of a turn goes: from the decision that the user has finished to the first audio sent."""

from collections.abc import Callable
from dataclasses import dataclass

from antiphon.engine import inputs
from antiphon.protocol import server_events as ev


@dataclass(slots=True)
class TurnLatency:
    """Times on the session's clock in ms; None while that has not happened."""

    stopped: float
    transcribed: float | None = None
    model_started: float | None = None
    speech_made: float | None = None

    @property
    def stages(self) -> dict[str, float]:
        """Duration of each stage in ms, in order."""
        marks = [
            ("transcript", self.transcribed),
            ("first token", self.model_started),
            ("first audio", self.speech_made),
        ]
        stages, before = {}, self.stopped
        for name, at in marks:
            if at is not None:
                stages[name] = at - before
                before = at
        return stages

    @property
    def total(self) -> float | None:
        return None if self.speech_made is None else self.speech_made - self.stopped


class LatencyObserver:
    """Calls `report` at the first audio of each spoken turn's answer."""

    def __init__(self, report: Callable[[TurnLatency], None]) -> None:
        self._report = report
        self._turn: TurnLatency | None = None
        self._item_id = ""
        self._response_id = ""

    def __call__(self, event: object, now: float) -> None:
        match event:
            case ev.InputAudioSpeechStopped(item_id=item_id):
                self._turn = TurnLatency(now)
                self._item_id, self._response_id = item_id, ""
            case ev.ResponseCreated(response=response) if self._turn and not self._response_id:
                self._response_id = response.id
            case inputs.Transcribed(item_id=item_id) if self._turn and item_id == self._item_id:
                self._turn.transcribed = now
            case inputs.ModelStarted(response_id=response_id) if self._turn and self._is_ours(response_id):
                self._turn.model_started = now
            case inputs.SpeechAudio(response_id=response_id) if self._turn and self._is_ours(response_id):
                self._turn.speech_made = now
                turn, self._turn = self._turn, None
                self._report(turn)

    def _is_ours(self, response_id: str) -> bool:
        return response_id == self._response_id
