"""What the host must provide to a session. The engine knows these shapes and nobody behind them.

Positions in audio are samples at 16 kHz for detectors and milliseconds on the session's input timeline
elsewhere; audio is PCM16 mono at 24 kHz.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from antiphon.providers.base.llm import LanguageModel
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech

Samples = NDArray[np.float32]

VAD_WINDOW = 512  # samples at 16 kHz: 32 ms


class VadStream(Protocol):
    """Voice activity of one session."""

    def push(self, samples: Samples) -> None:
        """Adds `float32[n]` at 16 kHz. Never blocks; results come later, in order, on the event loop."""

    def close(self) -> None:
        """No result is delivered after this."""


class VoiceActivity(Protocol):
    def open(
        self, on_result: Callable[[Sequence[float]], None], on_error: Callable[[Exception], None]
    ) -> VadStream:
        """`on_result` gets the speech probabilities of the next consecutive windows of VAD_WINDOW samples.

        `on_error` is called at most once, when the detector failed; nothing follows it.
        """


class EndOfTurn(Protocol):
    async def score(self, samples: Samples) -> float:
        """Probability that the speaker has finished, from up to the last 8 s, `float32[n]` at 16 kHz."""


class Models(Protocol):
    """Finds models by the names that sessions use. Raises `UnknownModel`."""

    def language_model(self, name: str) -> LanguageModel: ...

    def speech_to_text(self, name: str | None) -> SpeechToText:
        """An unknown or absent name is the tenant's default."""

    def text_to_speech(self, name: str | None) -> TextToSpeech:
        """An unknown or absent name is the tenant's default."""


class UnknownModel(Exception):
    """No such model; the message says what to do about it."""
