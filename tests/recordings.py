"""Human speech for tests: five LibriVox sentences from Debian's package pocketsphinx-testdata."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

FOLDER = Path("/usr/share/pocketsphinx/test/data/librivox")


@dataclass(frozen=True)
class Sentence:
    path: Path
    text: str  # lower case, without punctuation
    samples: NDArray[np.float32]  # 16 kHz


@cache
def sentences() -> tuple[Sentence, ...]:
    transcription = FOLDER / "transcription"
    if not transcription.is_file():
        pytest.fail(f"{FOLDER} is missing. Install the recordings: apt-get install pocketsphinx-testdata")
    return tuple(
        _sentence(FOLDER / f"{name}.wav", text)
        for text, name in re.findall(r"<s> (.*) </s> \((.*)\)", transcription.read_text())
    )


def sentence(number: str) -> Sentence:
    """The sentence whose file ends in `number`, such as "0870"."""
    return next(sentence for sentence in sentences() if sentence.path.stem.endswith(number))


def noise(seconds: float, loudness: float = 0.05) -> NDArray[np.float32]:
    """White noise at 16 kHz, always the same."""
    generator = np.random.default_rng(seed=1)
    return (generator.standard_normal(int(seconds * 16_000)) * loudness).astype(np.float32)


def _sentence(path: Path, text: str) -> Sentence:
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    return Sentence(path, text, samples)
