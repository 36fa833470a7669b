"""When the user's turn starts and ends: speech probabilities and positions in, decisions out.

Positions are samples at 24 kHz on the input timeline. A silence is measured in audio, not in wall time, so a
client that sends faster or slower than real time gets the same turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.protocol.session import Eagerness, SemanticVad, ServerVad, TurnDetection

WINDOW = 768  # samples at 24 kHz: the 32 ms of one VAD window

_ONSET_WINDOWS = 2  # one window above the threshold may be a click
_HYSTERESIS = 0.15  # speech goes on until the probability is this much below the threshold (Silero's rule)
_SEMANTIC_THRESHOLD = 0.5
_SEMANTIC_PREFIX_MS = 300
_SCORE_AFTER_MS = 96  # of silence: early enough for the score to be there when the shortest wait is over
_SHORTEST_WAIT_MS = 200
UNHEARD_MS = _SHORTEST_WAIT_MS - _SCORE_AFTER_MS  # of the shortest wait, when a turn is scored
_FINISHED = 0.5  # Smart Turn's own threshold
_LONGEST_WAIT_MS: dict[Eagerness, int] = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at: int  # prefix padding included


@dataclass(frozen=True, slots=True)
class PauseBegan:
    """The speaker paused; whether the turn is over depends on the score that `TurnDetector.scored` gets."""

    pause: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    at: int  # the silence that ended the turn included


TurnDecision = SpeechStarted | PauseBegan | SpeechStopped


class TurnDetector:
    """Turn taking of one session under one setting. `origin` is where its first VAD window begins."""

    def __init__(self, settings: TurnDetection, origin: int) -> None:
        self.evaluated = origin  # end of the last window whose probability is known
        self._floor = origin  # no turn begins before this
        self._onset = origin
        self._onset_windows = 0
        self._speaking = False
        self._silent_since: int | None = None
        self._stop_at = 0
        self._pause = 0
        self._scored_pause = 0
        self.configure(settings)

    def configure(self, settings: TurnDetection) -> None:
        """Other settings, at once; a turn in progress goes on under them."""
        self._semantic = settings if isinstance(settings, SemanticVad) else None
        if isinstance(settings, ServerVad):
            self._threshold = settings.threshold
            self._prefix = settings.prefix_padding_ms * SAMPLES_PER_MS
            self._longest_wait = settings.silence_duration_ms * SAMPLES_PER_MS
        else:
            self._threshold = _SEMANTIC_THRESHOLD
            self._prefix = _SEMANTIC_PREFIX_MS * SAMPLES_PER_MS
            self._longest_wait = _LONGEST_WAIT_MS[settings.eagerness] * SAMPLES_PER_MS
        if self._silent_since is not None:
            self._stop_at = self._silent_since + self._longest_wait

    @property
    def speaking(self) -> bool:
        return self._speaking

    def restart(self, floor: int) -> None:
        """The turn was committed or cleared by the client; another one begins at `floor` at the earliest."""
        self._floor = floor
        self._speaking = False
        self._onset_windows = 0
        self._silent_since = None

    def heard(self, probabilities: Sequence[float], end: int) -> list[TurnDecision]:
        """Takes the next windows; `end` is how far the timeline reaches by now."""
        decisions: list[TurnDecision] = []
        for probability in probabilities:
            start = self.evaluated
            self.evaluated += WINDOW
            if self.evaluated <= self._floor:
                continue
            if not self._speaking:
                self._listen(probability, start, decisions)
            else:
                self._follow(probability, start, decisions)
                decisions += self.reached(self.evaluated)
        decisions += self.reached(end)
        return decisions

    def reached(self, end: int) -> list[TurnDecision]:
        """The timeline reaches `end`: stops the turn if its silence is long enough.

        The stop need not wait for the window in which the silence completes, only for those before it.
        """
        if not self._speaking or self._silent_since is None:
            return []
        if end < self._stop_at or self.evaluated + WINDOW <= self._stop_at:
            return []
        at = self._stop_at
        self.restart(at)
        return [SpeechStopped(at)]

    def scored(self, pause: int, probability: float, end: int) -> list[TurnDecision]:
        """The end-of-turn model has judged a pause. A score that comes after speech went on is void."""
        if (
            self._semantic
            and pause == self._pause
            and self._silent_since is not None
            and probability >= _FINISHED
        ):
            self._stop_at = self._silent_since + _SHORTEST_WAIT_MS * SAMPLES_PER_MS
        return self.reached(end)

    def _listen(self, probability: float, start: int, decisions: list[TurnDecision]) -> None:
        if probability < self._threshold:
            self._onset_windows = 0
            return
        if self._onset_windows == 0:
            self._onset = start
        self._onset_windows += 1
        if self._onset_windows == _ONSET_WINDOWS:
            self._speaking = True
            self._silent_since = None
            decisions.append(SpeechStarted(max(self._onset - self._prefix, self._floor)))

    def _follow(self, probability: float, start: int, decisions: list[TurnDecision]) -> None:
        if probability >= self._threshold:
            self._silent_since = None
        elif self._silent_since is None and probability < max(self._threshold - _HYSTERESIS, 0.01):
            self._silent_since = start
            self._pause += 1
            self._stop_at = start + self._longest_wait
        if (
            self._semantic
            and self._silent_since is not None
            and self._scored_pause != self._pause
            and self.evaluated - self._silent_since >= _SCORE_AFTER_MS * SAMPLES_PER_MS
        ):
            self._scored_pause = self._pause
            decisions.append(PauseBegan(self._pause, self.evaluated))
