"""Has the speaker finished, or only paused? Smart Turn v3 judges by how the last words sound."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.logmel import SAMPLE_RATE, log_mel, standardised
from antiphon.audio.onnx import load_onnx

WINDOW = 8 * SAMPLE_RATE  # samples

# What the softmax of each attention layer is called in the model.
_ATTENTION = ("val_69", "val_142", "val_215", "val_288")


class SmartTurn:
    """One loaded model; any number of threads may call `score` at once."""

    def __init__(self, path: Path) -> None:
        """Loads the model and runs it once, so that the first real call is as fast as any. About 0.2 s."""
        self._session = load_onnx(path.read_bytes() + _shown(_ATTENTION))
        self.score(np.zeros(WINDOW, np.float32))

    def score(self, samples: NDArray[np.float32]) -> float:
        """Probability from 0 to 1 that the turn is complete, from the last 8 s of `float32[n]` at 16 kHz.

        The model knows shorter audio with silence in front of it, and scales audio and silence together.
        """
        window = np.zeros(WINDOW, np.float32)
        recent = samples[-WINDOW:]
        window[WINDOW - len(recent) :] = recent
        features = log_mel(standardised(window))
        (probabilities,) = self._session.run(["logits"], {"input_features": features[np.newaxis]})
        return float(probabilities[0, 0])


def _shown(results: Sequence[str]) -> bytes:
    """Makes outputs of float tensors that are computed within a model, when it is appended to the model's file.

    onnxruntime then computes them in floating point, which saves a fifth of the time: its 8-bit softmax is slow.
    Nobody reads them. A file that follows another one is merged into it, as Protocol Buffers have it; the fields
    here are those of onnx.proto: ModelProto.graph 7, GraphProto.output 12, ValueInfoProto.name 1 and .type 2,
    TypeProto.tensor_type 1, Tensor.elem_type 1, which is 1 for float.
    """
    float_tensor = _field(2, _field(1, b"\x08\x01"))
    return _field(7, b"".join(_field(12, _field(1, name.encode()) + float_tensor) for name in results))


def _field(number: int, value: bytes) -> bytes:
    assert len(value) < 128, "lengths of one byte only"
    return bytes((number << 3 | 2, len(value))) + value
