"""The programs in the guides run as they stand there, but for the address and the key."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.examples.conftest import LANGUAGES, PROJECT
from tests.platform_fixture import Platform

FENCES = {"python": "python", "js": "javascript"}


def programs(guide: str) -> list[tuple[str, str]]:
    """Language and text of each."""
    text = (PROJECT / "docs" / guide).read_text()
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(FENCES[fence], program) for fence, program in found if fence in FENCES]


@pytest.mark.parametrize(
    ("language", "program"), programs("migrate-from-openai.md") + programs("migrate-from-inworld.md")
)
def test_a_program_of_a_guide_is_answered(
    language: str, program: str, platform: Platform, folders: dict[str, Path]
) -> None:
    suffix, interpreter = LANGUAGES[language]
    address = platform.base_url.removeprefix("http://").removesuffix("/v1")
    assert "127.0.0.1:8000" in program
    assert "sk_..." in program
    file = folders[language] / f"guide{suffix}"
    file.write_text(program.replace("127.0.0.1:8000", address).replace("sk_...", platform.api_key))
    done = subprocess.run([interpreter, file], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Twelve times seven is eighty-four." in done.stdout
