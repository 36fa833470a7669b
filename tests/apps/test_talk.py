"""`manage.py talk`: one spoken turn from the command line."""

import io
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.management import CommandError, call_command

from antiphon.audio.pcm import read_audio
from tests.recordings import sentence

PROJECT = Path(__file__).resolve().parents[2]


def run(file: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """As somebody types it. Other tests call the command in this process, where everything is imported already."""
    command = [sys.executable, str(PROJECT / "manage.py"), "talk", str(file)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def talk(file: Path, *options: str) -> None:
    call_command("talk", str(file), *options, stdout=io.StringIO())


def refusal(file: Path, *options: str) -> str:
    with pytest.raises(CommandError) as refused:
        talk(file, *options)
    assert refused.value.returncode == 1
    return str(refused.value)


def test_it_works(tmp_path: Path) -> None:
    done = run(sentence("0880").path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "disposed young man" in done.stdout or "ill-" in done.stdout
    assert "agent: " in done.stdout
    assert "first audio" in done.stdout
    [reply] = tmp_path.glob("*-reply.wav")
    with wave.open(str(reply)) as saved:
        assert (saved.getframerate(), saved.getnchannels(), saved.getsampwidth()) == (24_000, 1, 2)
        assert saved.getnframes() > 24_000


def test_another_rate_and_two_channels_are_understood_too(here: Path) -> None:
    speech = np.frombuffer(read_audio(sentence("0880").path), "<i2")
    stereo = here / "stereo.wav"
    soundfile.write(stereo, np.stack([speech, speech], axis=1)[::3], 8_000, subtype="PCM_24")
    talk(stereo, "--reply", "answer.wav")
    assert (here / "answer.wav").exists()


def test_a_file_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path / "x.wav", cwd=tmp_path)
    assert done.returncode == 1
    assert "no file" in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"not audio at all", b""])
def test_a_file_that_is_no_audio_gets_one_sentence(
    here: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    file = here / "x.wav"
    file.write_bytes(content)
    said = refusal(file)
    assert "audio" in said.lower()
    assert len(said.strip().splitlines()) == 1
    assert capfd.readouterr().err == ""


def test_a_file_without_words_says_so(here: Path) -> None:
    silence = here / "silence.wav"
    soundfile.write(silence, np.zeros(16_000, np.int16), 16_000)
    assert "no words were heard" in refusal(silence)


def test_an_unknown_model_gets_one_sentence(here: Path) -> None:
    assert "No model is called 'no/such'" in refusal(sentence("0880").path, "--model", "no/such")
