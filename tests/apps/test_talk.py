"""`manage.py talk`: one spoken turn from the command line."""

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.audio.pcm import read_audio
from tests.recordings import sentence

PROJECT = Path(__file__).resolve().parents[2]


def talk(file: Path, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "manage.py"), "talk", str(file), *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


def test_it_works(tmp_path: Path) -> None:
    done = talk(sentence("0880").path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "disposed young man" in done.stdout or "ill-" in done.stdout
    assert "agent: " in done.stdout
    assert "first audio" in done.stdout
    [reply] = tmp_path.glob("*-reply.wav")
    with wave.open(str(reply)) as saved:
        assert (saved.getframerate(), saved.getnchannels(), saved.getsampwidth()) == (24_000, 1, 2)
        assert saved.getnframes() > 24_000


def test_another_rate_and_two_channels_are_understood_too(tmp_path: Path) -> None:
    speech = np.frombuffer(read_audio(sentence("0880").path), "<i2")
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.stack([speech, speech], axis=1)[::3], 8_000, subtype="PCM_24")
    done = talk(stereo, "--reply", "answer.wav", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "answer.wav").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no file"), (b"not audio at all", "audio"), (b"", "audio")],
)
def test_a_file_that_is_no_audio_gets_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "x.wav"
    if content is not None:
        file.write_bytes(content)
    done = talk(file, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_without_words_says_so(tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16_000, np.int16), 16_000)
    done = talk(silence, cwd=tmp_path)
    assert done.returncode == 1
    assert "no words were heard" in done.stderr


def test_an_unknown_model_gets_one_sentence(tmp_path: Path) -> None:
    done = talk(sentence("0880").path, "--model", "no/such", cwd=tmp_path)
    assert done.returncode == 1
    assert "No model is called 'no/such'" in done.stderr
