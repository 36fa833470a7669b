"""Runs a Piper voice: phoneme symbols in, audio out. Knows nothing of text."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

OUTPUT_RATE = 24_000  # Hz

_NOISE, _DURATION_NOISE = 0.667, 0.8  # the values that Piper's voices are tuned for
_FRAME = 240  # samples: 10 ms
_SILENT = 0.01  # RMS of a frame; the voice peaks at about 0.6
_LEAD_MS = 20  # kept before the first sound
_FADE = 120  # samples
_GAIN = 1.25  # joe speaks at -25 dBFS; the same for all pieces, so that they stay equally loud
# What follows the last sound, by the mark that ends the symbols; the voice's own silence is 80 to 260 ms.
_PAUSES_MS = {**dict.fromkeys(".?!", 300), **dict.fromkeys(",;:", 150)}
_NO_PAUSE_MS = 30


class PiperVoice:
    """Thread-safe: any number of threads may speak at once, each uses one core.

    Raises FileNotFoundError or onnxruntime's errors for missing or broken files.
    """

    def __init__(self, model: Path, config: Path) -> None:
        """`model`: the `.onnx` file; `config`: the `.onnx.json` beside it."""
        description = json.loads(config.read_text(encoding="utf-8"))
        self._rate = int(description["audio"]["sample_rate"])
        self._ids: Mapping[str, list[int]] = description["phoneme_id_map"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a second thread doubles the CPU time by spinning
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it is no faster here and keeps 200 MB after one long sentence
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def speak(
        self, symbols: str, speed: float, run: onnxruntime.RunOptions | None = None
    ) -> NDArray[np.int16]:
        """The audio of `symbols`, `int16[n]` at 24 kHz; empty if the voice knows none of them.

        It begins 20 ms before the first sound and ends with a pause that fits the last mark, so that pieces
        can be played one after the other. `speed` is 1 for the voice's own. Another thread stops the run by
        setting `run.terminate`, which raises onnxruntime's error here.
        """
        ids = [self._ids[symbol] for symbol in symbols if symbol in self._ids]
        if not ids:
            return np.zeros(0, np.int16)
        sequence = np.array([self._sequence(ids)], np.int64)
        inputs = {
            "input": sequence,
            "input_lengths": np.array([sequence.shape[1]], np.int64),
            "scales": np.array([_NOISE, 1 / speed, _DURATION_NOISE], np.float32),
        }
        [samples] = self._session.run(None, inputs, run)
        audio = soxr.resample(samples.reshape(-1), self._rate, OUTPUT_RATE, quality="MQ")
        pause_ms = _PAUSES_MS.get(symbols.rstrip()[-1], _NO_PAUSE_MS) / speed
        return _pcm(_trimmed(audio, pause_ms))

    def _sequence(self, ids: list[list[int]]) -> list[int]:
        """Begin, each symbol with padding after it, end: the sequence that Piper's voices were trained on."""
        [pad], [begin], [end] = self._ids["_"], self._ids["^"], self._ids["$"]
        return [begin, pad, *(number for symbol in ids for number in (*symbol, pad)), end]


def _trimmed(audio: NDArray[np.float32], pause_ms: float) -> NDArray[np.float32]:
    """`audio` from just before its first sound to `pause_ms` after its last, filled up if it ends sooner."""
    frames = audio[: len(audio) // _FRAME * _FRAME].reshape(-1, _FRAME)
    [sounding] = np.nonzero(np.sqrt(np.mean(np.square(frames), axis=1)) > _SILENT)
    if not len(sounding):
        return audio[:0]
    start = max(0, int(sounding[0]) * _FRAME - _LEAD_MS * OUTPUT_RATE // 1000)
    stop = int(sounding[-1] + 1) * _FRAME + round(pause_ms * OUTPUT_RATE / 1000)
    kept = audio[start:stop].copy()
    fade = min(_FADE, len(kept))
    kept[len(kept) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.pad(kept, (0, max(0, stop - len(audio))))


def _pcm(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    loud: NDArray[np.float32] = np.clip(audio * _GAIN, -1, 1) * 32767
    return loud.astype(np.int16)
