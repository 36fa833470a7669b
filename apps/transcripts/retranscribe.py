"""Hears a recorded session once more, with a better model."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from apps.conversations.models import RealtimeSession

Hear = Callable[[int, int], NDArray[np.float32]]
"""The user's audio from one ms of the recording to another, 16 kHz mono in -1..1."""


def retranscribe(session: RealtimeSession, hear: Hear) -> None:
    """Replaces what the user said by what the agent's `after_call.transcription_model` hears. Does nothing if it
    has none, or if there is no transcript."""
