"""Where the state of the stand-in lives: in this process, or in one file that all processes share."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    def locked(self) -> AbstractContextManager[None]:
        """Nobody else reads or writes meanwhile."""
        ...

    def read(self) -> bytes:
        """The last state written; empty at first."""
        ...

    def write(self, content: bytes) -> None: ...


class MemoryStore:
    """For tests: as old as its process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._content = b""

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock:
            yield

    def read(self) -> bytes:
        return self._content

    def write(self, content: bytes) -> None:
        self._content = content


class FileStore:
    """A file next to a lock. It is replaced whole, so that a killed process leaves the old state or the new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_suffix(".lock")
        self._threads = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._threads, open(self._lock_path, "a") as lock:
            os.chmod(self._lock_path, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, content: bytes) -> None:
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
