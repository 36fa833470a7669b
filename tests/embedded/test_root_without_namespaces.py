"""Root on a machine that forbids user namespaces, as a container often does.

The machine itself is left alone: the test makes a user namespace in which no further one may be made.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.embedded.processes import PLATFORM

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be somebody else")

# The child waits in a new namespace until its parent has mapped all ids into it, as only a privileged
# one may.
INSIDE = textwrap.dedent(
    """
    import ctypes, os, sys
    from pathlib import Path
    entered, enter = os.pipe()
    mapped, map_it = os.pipe()
    child = os.fork()
    if child:
        os.read(entered, 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text("0 0 65535")
        os.write(map_it, b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    os.write(enter, b"x")
    os.read(mapped, 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")

    import psycopg
    from antiphon.embedded import postgres_place
    from antiphon.embedded.postgres import EmbeddedPostgres

    postgres_place.STATE_FOLDER = Path(sys.argv[2])
    for _ in range(2):
        server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
        server.start()
        try:
            with psycopg.connect(server.superuser_url) as connection:
                connection.execute("SELECT 1")
        finally:
            server.stop()
    """
)


def test_the_server_runs_as_nobody_in_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home") / "postgres"
    # Reachable for everybody, as /var/lib is and the folders of pytest are not.
    state = Path("/var/tmp") / f"antiphon-test-{os.getpid()}"
    try:
        subprocess.run(
            [sys.executable, "-c", INSIDE, home, state],
            env={**os.environ, "PYTHONPATH": str(PLATFORM)},
            check=True,
            timeout=120,
        )
        (folder,) = state.iterdir()
        assert folder.stat().st_uid == 65534
        assert (folder / "data/PG_VERSION").read_text() == "18\n"
        assert not (home / "data").exists()
    finally:
        subprocess.run(["rm", "-rf", state], check=True)
