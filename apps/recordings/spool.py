"""Recordings on the disk of this machine, until the storage has them.

Each is a folder, `<tenant>/<row of the session>`: the parts of its stream, of which the last is `.open` while it is
written, and what is known of it. A folder is locked while its process lives. That of a process that is gone is
unlocked, and whoever finds it first takes it over.

What was written has been handed to the kernel: it survives the death of the process. It is sealed where files are.
"""

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apps.credentials.sealing import MasterKeys
from apps.recordings.framing import framed, unframed

PART_SECONDS = 5.0
_LOCK = "lock"
_STATE = "state.json"
_READ_BYTES = 256 * 1024
_OPEN = ".open"  # a part that is being written
_SEALED = ".sealed"
_UNBORN = ".new"  # a folder that is not locked yet
_UNBORN_SECONDS = 3600.0  # after which nobody will lock it any more


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a recording when its part number `parts` is complete: `size_bytes` of all of them."""

    parts: int = 0
    size_bytes: int = 0
    duration_ms: int = 0
    timeline: dict[str, Any] = field(default_factory=dict)
    is_over: bool = False


class Folder:
    """A recording that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @property
    def tenant_id(self) -> uuid.UUID:
        return uuid.UUID(self.path.parent.name)

    @property
    def session_id(self) -> uuid.UUID:
        return uuid.UUID(self.path.name)

    def parts(self, *, unfinished: bool = False) -> list[tuple[int, Path]]:
        """The complete ones, or all, with their numbers in their order."""
        found = [path for path in self.path.glob("part-*") if unfinished or path.suffix != _OPEN]
        return sorted((int(path.name[5:10]), path) for path in found)

    def read(self, part: Path, keys: MasterKeys) -> Iterator[bytes]:
        """In pieces. Raises Unsealable."""
        if _SEALED in part.suffixes:
            yield from unframed(part, self.name, keys)
            return
        with part.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                yield piece

    @property
    def name(self) -> str:
        """That its parts are sealed with."""
        return f"{self.path.parent.name}/{self.path.name}"

    def told(self) -> Told:
        try:
            return Told(**json.loads((self.path / _STATE).read_bytes()))
        except FileNotFoundError:
            return Told()

    def age(self) -> float:
        """Seconds since something was last written."""
        return time.time() - max(path.stat().st_mtime for path in (self.path, *self.path.iterdir()))

    def remove(self) -> None:
        """The lock goes with it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Unlocks it, for whoever comes next."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


class Writer:
    """Appends a stream to a folder, sealed if there are `keys`. What the disk does not take waits, and is tried
    again with what comes next."""

    def __init__(self, folder: Folder, keys: MasterKeys | None = None) -> None:
        self._folder = folder
        self._keys = keys
        self._waiting = bytearray()
        self._file = -1
        self._number = 0
        self._began = 0.0
        self._size = 0

    def put(self, data: bytes) -> None:
        """Raises Unsealable."""
        if data:
            self._waiting += data if self._keys is None else framed(data, self._folder.name, self._keys)
            self._size += len(data)

    def write(self, now: float) -> None:
        """What waits. `now` in seconds. Raises OSError: then it still waits."""
        if not self._waiting:
            return
        if self._file < 0:
            self._number += 1
            self._file = os.open(self._open, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._began = now
        while self._waiting:
            written = os.write(self._file, self._waiting)
            del self._waiting[:written]

    def is_due(self, now: float) -> bool:
        """Whether the part that is being written is long enough."""
        return self._file >= 0 and now - self._began >= PART_SECONDS

    def end_part(self, *, duration_ms: int, timeline: dict[str, Any], is_over: bool = False) -> None:
        """The part is complete, and this is known by now. Raises OSError: then it is not."""
        told = Told(self._number, self._size, duration_ms, timeline, is_over)
        state = self._folder.path / _STATE
        fresh = state.with_suffix(_UNBORN)
        fresh.write_text(json.dumps(asdict(told), separators=(",", ":")))
        fresh.replace(state)
        if self._file >= 0:
            self._open.rename(self._open.with_suffix(""))
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        """As it is: the part stays unfinished."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def _open(self) -> Path:
        sealed = "" if self._keys is None else _SEALED
        return self._folder.path / f"part-{self._number:05d}{sealed}{_OPEN}"


def make(spool: Path, tenant_id: uuid.UUID, session_id: uuid.UUID) -> Folder:
    """Locked before it has the name by which others find it. Raises OSError."""
    folder = spool / str(tenant_id) / str(session_id)
    unborn = folder.with_suffix(_UNBORN)
    unborn.mkdir(parents=True, mode=0o700)
    lock = os.open(unborn / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unborn.rename(folder)
    except OSError:
        os.close(lock)
        raise
    return Folder(folder, lock)


@contextmanager
def left_behind(spool: Path) -> Iterator[list[Folder]]:
    """The folders of processes that are gone; they are ours in here."""
    folders = [found for path in sorted(spool.glob("*/*")) if (found := _taken_over(path))]
    try:
        yield folders
    finally:
        for folder in folders:
            folder.close()


def _taken_over(path: Path) -> Folder | None:
    """None if its process lives, or another has removed it meanwhile."""
    if path.suffix == _UNBORN:
        if _age(path) > _UNBORN_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
        return None
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_gone = os.fstat(lock).st_nlink == 0
    except BlockingIOError:
        is_gone = True
    if is_gone:
        os.close(lock)
        return None
    return Folder(path, lock)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
