"""Lets the real turn detector hear clips as the engine would, and notes when it ends the turn."""

from dataclasses import dataclass

from clips import Clip
from hearing import Ears

from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.patience import Patience, patience
from antiphon.engine.turns import WINDOW, PauseBegan, SpeechStarted, SpeechStopped, TurnDetector
from antiphon.protocol.session import TurnDetection

_FRAME = 20 * SAMPLES_PER_MS  # what a client sends at a time

# How long the models take: samples that arrive meanwhile. The words are one call of Whisper base.
_VAD = 10 * SAMPLES_PER_MS
_SCORE = 100 * SAMPLES_PER_MS
_WORDS = 300 * SAMPLES_PER_MS


@dataclass(frozen=True, slots=True)
class Way:
    """One way to take turns."""

    settings: TurnDetection
    words: bool = False  # whether transcripts come in pauses
    patience: Patience = patience


def stopped_after_ms(clip: Clip, ears: Ears, way: Way) -> float | None:
    """When the detector ended the turn, in ms since the clip's moment began; None if not before it was over.

    This is when the engine would have known it, not the position that the decision names.
    """
    detector = TurnDetector(way.settings, 0, way.patience)
    probabilities = ears.probabilities(clip)
    known = 0  # windows
    start = 0  # of the turn
    pauses: list[tuple[int, int, PauseBegan]] = []  # when the engine asked, where the turn began
    for now in range(_FRAME, clip.quiet_to + 1, _FRAME):
        ready = max(now - _VAD, 0) // WINDOW
        decisions = detector.heard(probabilities[known:ready], now)
        known = ready
        for asked, began, pause in pauses:
            if now - _FRAME < asked + _SCORE <= now:
                score = ears.score(clip, began, pause.at)
                decisions += detector.scored(pause.pause, score, now)
            if way.words and now - _FRAME < asked + _WORDS <= now:
                decisions += detector.worded(ears.text(clip, began, pause.at), now, clip.language)
        for decision in decisions:
            match decision:
                case SpeechStarted(at):
                    start = at
                case PauseBegan():
                    pauses.append((now, start, decision))
                case SpeechStopped() if now > clip.quiet_from:
                    return (now - clip.quiet_from) / SAMPLES_PER_MS
    return None
