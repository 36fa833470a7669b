"""When the user's turn starts and ends: speech probabilities, scores, words and positions in, decisions out.

Positions are samples at 24 kHz on the input timeline. A silence is measured in audio, not in wall time, so a
client that sends faster or slower than real time gets the same turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.patience import LONGEST_WAIT_MS, Patience, patience
from antiphon.engine.wording import Wording, wording_of
from antiphon.protocol.session import ServerVad, TurnDetection

WINDOW = 768  # samples at 24 kHz: the 32 ms of one VAD window

_ONSET_WINDOWS = 2  # one window above the threshold may be a click
_HYSTERESIS = 0.15  # speech goes on until the probability is this much below the threshold (Silero's rule)
_SEMANTIC_THRESHOLD = 0.5
_SEMANTIC_PREFIX_MS = 300
_SCORE_AFTER_MS = 96  # of silence: early enough for the score to be there when the shortest wait is over
_SCORED_SILENCE_MS = 200  # what the end-of-turn model was trained to hear after the last word
_LIKELY = 0.5  # the score from which on a turn is probably over
_PROBABLY = 0.75  # the score that a recogniser's "probably ended" stands for
UNHEARD_MS = _SCORED_SILENCE_MS - _SCORE_AFTER_MS  # to be added as silence when a turn is scored


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at: int  # prefix padding included


@dataclass(frozen=True, slots=True)
class PauseBegan:
    """The speaker paused. How long to wait depends on the score that `TurnDetector.scored` gets, and on the
    words that `TurnDetector.worded` gets; until there is a score, the longest wait holds."""

    pause: int
    at: int


@dataclass(frozen=True, slots=True)
class ProbablyOver:
    """In this pause the turn has probably ended, though it is not committed yet; `at` is how far it was heard."""

    at: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The turn that was probably over goes on."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    at: int  # the silence that ended the turn included


Sign = Literal["probably_ended", "resumed", "ended"]

TurnDecision = SpeechStarted | PauseBegan | ProbablyOver | SpeechResumed | SpeechStopped


class TurnDetector:
    """Turn taking of one session under one setting."""

    def __init__(self, settings: TurnDetection, origin: int, patience: Patience = patience) -> None:
        """`origin` is where the first VAD window begins; `patience` says how long a semantic turn waits."""
        self.evaluated = origin  # end of the last window whose probability is known
        self._floor = origin  # no turn begins before this
        self._onset = origin
        self._onset_windows = 0
        self._speaking = False
        self._silent_since: int | None = None
        self._stop_at = 0
        self._pause = 0
        self._asked_about = 0  # the last pause that a score was asked for
        self._score: float | None = None  # of this pause, like the wording
        self._wording = Wording.SAYS_NOTHING
        self._sign: Sign | None = None
        self._probably_over = False  # was said of this pause
        self._patience = patience
        self.configure(settings)

    def configure(self, settings: TurnDetection) -> None:
        """Other settings, at once; a turn in progress goes on under them."""
        if isinstance(settings, ServerVad):
            self._eagerness = None
            self._threshold = settings.threshold
            self._prefix = settings.prefix_padding_ms * SAMPLES_PER_MS
            self._longest_wait_ms = settings.silence_duration_ms
        else:
            self._eagerness = settings.eagerness
            self._threshold = _SEMANTIC_THRESHOLD
            self._prefix = _SEMANTIC_PREFIX_MS * SAMPLES_PER_MS
            self._longest_wait_ms = LONGEST_WAIT_MS[settings.eagerness]
        self._plan()

    @property
    def speaking(self) -> bool:
        return self._speaking

    @property
    def probably_over(self) -> bool:
        """The turn pauses, and has probably ended."""
        return self._probably_over

    def restart(self, floor: int) -> None:
        """The turn was committed or cleared by the client; another one begins at `floor` at the earliest."""
        self._floor = floor
        self._speaking = False
        self._onset_windows = 0
        self._silent_since = None
        self._probably_over = False

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
        """The end-of-turn model has judged a pause: late, perhaps, but its wait counts from the pause's beginning.

        A score that comes after speech went on is void.
        """
        if pause == self._pause and self._silent_since is not None:
            self._score = probability
            self._plan()
        return [*self._foreseen(), *self.reached(end)]

    def worded(self, text: str, end: int, language: str | None = None) -> list[TurnDecision]:
        """What the turn says so far, as recognised by now; `language` is an ISO 639-1 code.

        It matters in a pause only, and only until speech goes on: words that were recognised while the user
        still spoke say nothing about the end. Without words the score decides alone.
        """
        if self._silent_since is not None:
            self._wording = wording_of(text, language)
            self._plan()
        return self.reached(end)

    def signalled(self, sign: Sign, end: int) -> list[TurnDecision]:
        """What the recogniser of the turn makes of this pause: one that judges turns itself has heard the words."""
        if self._silent_since is not None:
            self._sign = sign
            self._plan()
        return [*self._foreseen(), *self.reached(end)]

    def _foreseen(self) -> list[TurnDecision]:
        score = _judged(self._score, self._sign)
        if self._eagerness is None or self._silent_since is None or self._probably_over:
            return []
        if score is None or score < _LIKELY:
            return []
        self._probably_over = True
        return [ProbablyOver(self.evaluated)]

    def _plan(self) -> None:
        """Sets where the turn stops if the silence lasts."""
        if self._silent_since is None:
            return
        wait_ms = self._longest_wait_ms
        score = _judged(self._score, self._sign)
        if self._eagerness is not None and score is not None:
            wait_ms = self._patience(score, self._wording, self._eagerness)
        self._stop_at = self._silent_since + wait_ms * SAMPLES_PER_MS

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
            if self._probably_over:
                self._probably_over = False
                decisions.append(SpeechResumed())
        elif self._silent_since is None and probability < max(self._threshold - _HYSTERESIS, 0.01):
            self._silent_since = start
            self._pause += 1
            self._score = None
            self._wording = Wording.SAYS_NOTHING
            self._sign = None
            self._plan()
        if (
            self._eagerness is not None
            and self._silent_since is not None
            and self._asked_about != self._pause
            and self.evaluated - self._silent_since >= _SCORE_AFTER_MS * SAMPLES_PER_MS
        ):
            self._asked_about = self._pause
            decisions.append(PauseBegan(self._pause, self.evaluated))


def _judged(score: float | None, sign: Sign | None) -> float | None:
    """How likely the turn is over, from our own model and from the recogniser, whichever has said something."""
    match sign:
        case "ended":
            return 1.0
        case "probably_ended":
            return max(score or 0.0, _PROBABLY)
        case "resumed":
            return 0.0
    return score
