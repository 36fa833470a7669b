"""Starts servers in order, starts those again that crash, and stops them all in the opposite order."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from antiphon.embedded.process import GuardedProcess, StartError

_LOOK_EVERY = 0.2  # seconds
_STEADY_AFTER = 60.0  # seconds of running after which a crash counts as the first one again
_LONGEST_DELAY = 30.0  # seconds


class Server(Protocol):
    """Something that is started, may end by itself, and is stopped."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """May raise StartError. May be called again once the server has ended."""

    def poll(self) -> int | None: ...

    def ask_to_stop(self) -> None: ...

    def stop(self) -> None: ...


class Program:
    """A command as a server, which gets SIGTERM and, `grace` seconds later, SIGKILL."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, grace: float
    ) -> None:
        self.name = name
        self._command = command
        self._env = env
        self._cwd = cwd
        self._grace = grace
        self._process: GuardedProcess | None = None

    def start(self) -> None:
        self._process = GuardedProcess(
            self._command, stop_signal=signal.SIGTERM, grace=self._grace, env=self._env, cwd=self._cwd
        )

    def poll(self) -> int | None:
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


@dataclass
class _Watched:
    server: Server
    started: float
    crashes: int = 0
    again_at: float | None = None  # when it is to be started again


class Supervisor:
    """Owns what it started. `report` gets one line for each thing that happens to a server by itself."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._stages: list[list[_Watched]] = []

    def start(self, *servers: Server) -> None:
        """Start servers, which will be stopped together, before those that were started earlier.

        Raises StartError.
        """
        stage: list[_Watched] = []
        self._stages.append(stage)
        for server in servers:
            server.start()
            stage.append(_Watched(server, time.monotonic()))

    def first_that_ended(self) -> str | None:
        """A server that has ended by itself, and how, as the start of a sentence."""
        for stage in self._stages:
            for watched in stage:
                code = watched.server.poll()
                if code is not None:
                    return f"{watched.server.name} {describe_exit(code)}"
        return None

    def watch(self) -> None:
        """Start again what crashes, until an exception (KeyboardInterrupt) ends it."""
        while True:
            for stage in self._stages:
                for watched in stage:
                    self._look_after(watched, time.monotonic())
            time.sleep(_LOOK_EVERY)

    def stop(self) -> None:
        """Stop the servers of each stage together, the last stage first."""
        while self._stages:
            stage = self._stages[-1]
            for watched in stage:
                watched.server.ask_to_stop()
            for watched in stage:
                watched.server.stop()
            self._stages.pop()

    def _look_after(self, watched: _Watched, now: float) -> None:
        server = watched.server
        if watched.again_at is None:
            code = server.poll()
            if code is not None:
                self._plan_start(watched, now, f"{server.name} {describe_exit(code)}")
        elif now >= watched.again_at:
            server.stop()
            try:
                server.start()
            except StartError as error:
                self._plan_start(watched, now, str(error))
            else:
                watched.started, watched.again_at = time.monotonic(), None
                self._report(f"{server.name} was started again.")

    def _plan_start(self, watched: _Watched, now: float, what_happened: str) -> None:
        if watched.again_at is None and now - watched.started > _STEADY_AFTER:
            watched.crashes = 0
        delay = min(2.0**watched.crashes, _LONGEST_DELAY)
        watched.crashes += 1
        watched.again_at = now + delay
        self._report(f"{what_happened}; it will be started again in {delay:g} s.")


def describe_exit(code: int) -> str:
    """An exit code as `GuardedProcess` gives it, in words that follow a name."""
    if code > 128 and code - 128 in set(signal.Signals):
        return f"was ended by {signal.Signals(code - 128).name}"
    return f"ended by itself with exit code {code}"
