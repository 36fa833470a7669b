"""Where the time of a turn goes: from the decision that the user has finished to the first audio sent."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.engine import inputs
from antiphon.protocol import server_events as ev


@dataclass(slots=True)
class TurnLatency:
    """Times on the session's clock in ms; None while that has not happened.

    `begun_early`: the answer was begun before the turn was known to be over, so that its stages may take no time.
    `filler`: the first audio is a phrase that covers the wait for the answer.
    """

    stopped: float
    transcribed: float | None = None
    model_started: float | None = None
    speech_made: float | None = None
    begun_early: bool = False
    filler: bool = False

    @property
    def stages(self) -> dict[str, float]:
        """Duration of each stage in ms, in order; without a transcript that the answer did not wait for."""
        marks = [
            ("transcript", self.transcribed),
            ("first token", self.model_started),
            ("first audio", self.speech_made),
        ]
        stages, before = {}, self.stopped
        for name, at in marks:
            if at is not None and (name != "transcript" or not self._hears_itself):
                stages[name] = at - before
                before = at
        return stages

    @property
    def _hears_itself(self) -> bool:
        """The model needs no transcript, which came after its first words."""
        return self.transcribed is not None and self.transcribed > (self.model_started or math.inf)

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
                if response.conversation_id is not None:  # out-of-band ones answer no turn
                    self._response_id = response.id
            case inputs.LatencyDecided(response_id=response_id, decision=decision) if (
                self._turn and self._is_ours(response_id)
            ):
                self._turn.begun_early |= decision.kind == "speculated"
                self._turn.filler |= decision.kind == "filler"
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
