"""Child processes that live no longer than we do."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_GUARD = Path(__file__).with_name("guard.py")


class StartError(Exception):
    """Something could not be started. The message is one sentence for the person at the terminal."""


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
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
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
                stdout=stdout,
                stderr=stderr,
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
        """The exit code (128 + number, if a signal ended it), or None while it runs."""
        return self._guard.poll()

    def wait(self) -> int:
        """Wait until it ends by itself and return the exit code."""
        return self._guard.wait()

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
