"""Child processes that live no longer than we do, and the folders that they use."""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SOCKET_PATH_BYTES = 107  # sun_path has 108 with its closing zero: unix(7)
_SHORT_PREFIX = "antiphon-"
_GUARD = Path(__file__).with_name("guard.py")


class StartError(Exception):
    """A server could not be started. The message is one sentence for the person at the terminal."""


class GuardedProcess:
    """A running command that gets `stop_signal`, then SIGKILL after `grace` seconds, when we stop it or die.

    `identity` is explained in `guard.py`. `keep` are descriptors that the command inherits.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        stop_signal: signal.Signals,
        grace: float,
        identity: str = "self",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: IO[bytes] | int | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        self._grace = grace
        read_end, self._lifeline = os.pipe()
        try:
            self._guard = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_GUARD)),
                    *(str(read_end), str(int(stop_signal)), str(grace), identity),
                    *map(str, command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                pass_fds=(read_end, *keep),
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read_end)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._guard.poll()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        return self._guard.wait(timeout)

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def stop(self) -> int:
        """Stop it and wait until it is gone, at most `grace` seconds and a moment."""
        self.ask_to_stop()
        try:
            return self._guard.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # the command then gets its stop signal from the kernel
            return self._guard.wait()


def lock_folder(folder: Path, *, patience: float) -> int:
    """Take the exclusive lock of `folder` and return its open descriptor; closing it (everywhere) frees it.

    A server that inherits the descriptor holds the lock until its last process has ended, which is how a
    start right after a kill waits for what is still shutting down. Raises StartError after `patience` s.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise StartError(
                    f"{folder} is in use by another process: stop that one, or give this one a folder of its "
                    "own with ANTIPHON_DATA_DIR."
                ) from None
            time.sleep(0.02)


def make_private_folder(folder: Path) -> None:
    """Make `folder` (0700) and what is missing above it; what exists keeps its mode and its owner."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def make_socket_folder(folder: Path, socket_name: str) -> Path:
    """Make a 0700 folder for a socket: `folder`, or a short one that it links to if the path is too long.

    Removes what a previous run left there.
    """
    remove_socket_folder(folder)
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_BYTES:
        folder.mkdir(mode=0o700)
        return folder
    short = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir="/tmp"))
    folder.symlink_to(short)
    return short


def remove_socket_folder(folder: Path) -> None:
    if folder.is_symlink():
        target = folder.readlink()
        folder.unlink()
        if target.name.startswith(_SHORT_PREFIX):
            shutil.rmtree(target, ignore_errors=True)
    elif folder.exists():
        shutil.rmtree(folder)


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log, on one line, for an error sentence."""
    try:
        return " | ".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def package_folder(package: str) -> Path:
    """Where an installed package lies, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {package} is not installed: run `make up`, or name a server by URL.")
    return Path(spec.submodule_search_locations[0])
