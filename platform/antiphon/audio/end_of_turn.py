"""Has the speaker finished, or only paused? Smart Turn v3 judges by how the last words sound."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.logmel import SAMPLE_RATE, log_mel, standardised
from antiphon.audio.onnx import load_onnx

WINDOW = 8 * SAMPLE_RATE  # samples


class SmartTurn:
    """One loaded model; any number of threads may call `score` at once."""

    def __init__(self, path: Path) -> None:
        """Loads the model and runs it once, so that the first real call is as fast as any. About 0.2 s."""
        self._session = load_onnx(path)
        self.score(np.zeros(WINDOW, np.float32))

    def score(self, samples: NDArray[np.float32]) -> float:
        """Probability from 0 to 1 that the turn is complete, from the last 8 s of `float32[n]` at 16 kHz.

        The model knows shorter audio with silence in front of it, and scales audio and silence together.
        """
        window = np.zeros(WINDOW, np.float32)
        recent = samples[-WINDOW:]
        window[WINDOW - len(recent) :] = recent
        features = log_mel(standardised(window))
        (probabilities,) = self._session.run(None, {"input_features": features[np.newaxis]})
        return float(probabilities[0, 0])
