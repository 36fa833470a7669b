"""What the embedded servers have in common: a folder, a lock, a log and a guarded process."""

import importlib.util
import os
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO

from antiphon.embedded.folders import lock_folder, make_private_folder
from antiphon.embedded.process import GuardedProcess, StartError

_LOCK_SECONDS = 10.0  # for a server whose starter was killed to shut down
_START_SECONDS = 60.0  # after a power cut it reads its log of writes back first


class EmbeddedServer(ABC):
    """One server over one data folder, which nobody else may use at the same time."""

    name: str

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir.absolute()
        self._process: GuardedProcess | None = None

    def start(self) -> None:
        """Start the server, over new data if there is none. Returns once it answers. Raises StartError."""
        make_private_folder(self._home)
        lock = lock_folder(self._home, patience=_LOCK_SECONDS)
        try:
            with (self._home / "log").open("ab") as log:
                self._process = self._launch(lock, log)
            deadline = time.monotonic() + _START_SECONDS
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise StartError(f"{self.name} did not start: {self._last_words()}")
                time.sleep(0.01)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(lock)  # the server holds it from here on

    def poll(self) -> int | None:
        """The exit code of a server that has ended by itself, else None."""
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        """Begin to stop and return at once."""
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        """Write everything out and end. Does nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        self._clean_up()

    @abstractmethod
    def _launch(self, lock: int, log: IO[bytes]) -> GuardedProcess:
        """Start a process that inherits `lock` and writes to `log`."""

    @abstractmethod
    def _answers(self) -> bool: ...

    @abstractmethod
    def _clean_up(self) -> None:
        """Remove what is of no use once the server has ended."""

    def _last_words(self, lines: int = 3) -> str:
        """The end of the log, on one line, for an error sentence."""
        return " | ".join((self._home / "log").read_text(errors="replace").splitlines()[-lines:])


def package_folder(package: str) -> Path:
    """Where an installed package lies, found without importing it. Raises StartError."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {package} is not installed: run `make up`, or name a server by URL.")
    return Path(spec.submodule_search_locations[0])
