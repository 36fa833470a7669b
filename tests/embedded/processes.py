"""Real processes for tests: a parent to kill, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PLATFORM = Path(__file__).parents[2] / "platform"
PATIENCE = 20.0  # seconds; only a failing test takes them


@contextmanager
def parent_running(code: str, *arguments: str | Path) -> Iterator[psutil.Process]:
    """A Python process that runs `code`, prints a line when it is ready, and then sleeps."""
    script = (
        f"import sys, time\nfrom pathlib import Path\n{code}\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def family_of(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def assert_gone(processes: list[psutil.Process]) -> None:
    assert processes, "nothing was running in the first place"
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert not alive


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
