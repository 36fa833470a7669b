"""The folders of the embedded servers: private, locked by one user at a time, short enough for a socket."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

from antiphon.embedded.process import StartError

SOCKET_PATH_BYTES = 107  # sun_path has 108 with its closing zero: unix(7)
_SHORT_PREFIX = "antiphon-"


def make_private_folder(folder: Path) -> None:
    """Make `folder` (0700) and what is missing above it; what exists keeps its mode and its owner.

    Raises StartError.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"Cannot make the folder {folder} ({error.strerror}): choose another one with ANTIPHON_DATA_DIR."
        ) from None


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


def make_socket_folder(folder: Path, socket_name: str) -> Path:
    """Make a 0700 folder for a socket: `folder`, or a short one that it links to if the path is too long.

    A link left by a run that was killed is used again, so that a server that is restarted stays where it was.
    """
    if folder.is_symlink():
        short = folder.readlink()
        if _is_our_short_folder(short):
            return short
    remove_socket_folder(folder)
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_BYTES:
        folder.mkdir(mode=0o700)
        return folder
    short = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir="/tmp"))
    folder.symlink_to(short)
    return short


def remove_socket_folder(folder: Path) -> None:
    """Remove what `make_socket_folder` made."""
    if folder.is_symlink():
        short = folder.readlink()
        folder.unlink()
        if _is_our_short_folder(short):
            shutil.rmtree(short)
    elif folder.exists():
        shutil.rmtree(folder)


def _is_our_short_folder(path: Path) -> bool:
    """Whether it is still the folder we made: what lies in /tmp may have been removed and made by another."""
    if not path.name.startswith(_SHORT_PREFIX) or path.is_symlink() or not path.is_dir():
        return False
    found = path.stat()
    return found.st_uid == os.geteuid() and found.st_mode & 0o077 == 0
