"""Runs a Piper voice: phoneme symbols in, audio out. Knows nothing of text."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from antiphon.audio.onnx import load_onnx
from antiphon.audio.pcm import SAMPLE_RATE, from_float

Samples = NDArray[np.float32]

_NOISE, _DURATION_NOISE = 0.667, 0.8  # the values that Piper's voices are tuned for
_GAIN = 1.25  # joe speaks at -25 dBFS; the same for all pieces, so that they stay equally loud
_FRAME = SAMPLE_RATE // 100  # samples: 10 ms
_SILENT = 0.01  # RMS of a frame; speech peaks at about 0.6
_LEAD = SAMPLE_RATE // 50  # samples kept before the first sound: 20 ms
_FADE = SAMPLE_RATE // 200  # samples: 5 ms

# What follows the last sound, in ms, by the mark that ends the symbols; the voice itself leaves 80 to 260 ms.
_PAUSES = {**dict.fromkeys(".?!", 300), **dict.fromkeys(",;:", 150)}
_NO_PAUSE = 30


class PiperVoice:
    """Thread-safe: any number of threads may speak at once, each uses one core."""

    def __init__(self, model: Path, config: Path) -> None:
        """`model`: the `.onnx` file; `config`: the `.onnx.json` that belongs to it."""
        description = json.loads(config.read_text(encoding="utf-8"))
        self._rate = int(description["audio"]["sample_rate"])
        self._ids: Mapping[str, list[int]] = description["phoneme_id_map"]
        self._session = load_onnx(model, same_shapes=False)

    def speak(self, symbols: str, speed: float, run: onnxruntime.RunOptions | None = None) -> bytes:
        """The audio of `symbols`, PCM16 mono at 24 kHz; empty if the voice knows none of them.

        It begins 20 ms before the first sound and ends with a pause that fits the last mark, so that pieces
        can be played one after the other. `speed` is 1 for the voice's own. Another thread stops the run by
        setting `run.terminate`, which raises onnxruntime's error here.
        """
        ids = [self._ids[symbol] for symbol in symbols if symbol in self._ids]
        if not ids:
            return b""
        sequence = np.array([self._sequence(ids)], np.int64)
        inputs = {
            "input": sequence,
            "input_lengths": np.array([sequence.shape[1]], np.int64),
            "scales": np.array([_NOISE, 1 / speed, _DURATION_NOISE], np.float32),
        }
        run = run or onnxruntime.RunOptions()
        run.add_run_config_entry(
            "memory.enable_memory_arena_shrinkage", "cpu:0"
        )  # else one long piece keeps 200 MB
        [output] = self._session.run(None, inputs, run)
        samples = soxr.resample(output.reshape(-1), self._rate, SAMPLE_RATE, quality="MQ")
        pause = _PAUSES.get(symbols.rstrip()[-1], _NO_PAUSE) / speed
        return from_float(_trimmed(samples, round(pause * SAMPLE_RATE / 1000)) * np.float32(_GAIN))

    def _sequence(self, ids: list[list[int]]) -> list[int]:
        """Begin, each symbol with padding after it, end: the sequence that Piper's voices were trained on."""
        [pad], [begin], [end] = self._ids["_"], self._ids["^"], self._ids["$"]
        return [begin, pad, *(number for symbol in ids for number in (*symbol, pad)), end]


def _trimmed(samples: Samples, pause: int) -> Samples:
    """From just before the first sound to `pause` samples after the last, filled up if it ends sooner."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    [sounding] = np.nonzero(np.sqrt(np.mean(np.square(frames), axis=1)) > _SILENT)
    if not len(sounding):
        return samples[:0]
    start = max(0, int(sounding[0]) * _FRAME - _LEAD)
    stop = int(sounding[-1] + 1) * _FRAME + pause
    kept = samples[start:stop].copy()
    fade = min(_FADE, len(kept))
    kept[len(kept) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.pad(kept, (0, max(0, stop - len(samples))))
