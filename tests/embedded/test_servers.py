"""The embedded PostgreSQL and Valkey, for real."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from antiphon.embedded.folders import SOCKET_PATH_BYTES
from antiphon.embedded.postgres import EmbeddedPostgres
from antiphon.embedded.process import StartError
from antiphon.embedded.server import EmbeddedServer
from antiphon.embedded.valkey import EmbeddedValkey
from tests.embedded.processes import assert_gone, family_of, kill, parent_running, wait_until

START_BOTH = """
from antiphon.embedded.postgres import EmbeddedPostgres
from antiphon.embedded.valkey import EmbeddedValkey
postgres = EmbeddedPostgres(Path(sys.argv[1]) / "postgres", durable=False)
valkey = EmbeddedValkey(Path(sys.argv[1]) / "valkey")
postgres.start()
valkey.start()
"""


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    yield server
    server.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall()[0][0] if cursor.description else None


def server_pid(server: EmbeddedPostgres, data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split("\n")[0])


def test_it_works(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    postgres.start()
    valkey.start()
    assert ask(postgres, "SELECT 1") == 1
    with closing(redis.from_url(valkey.url)) as client:
        assert client.ping()


def test_the_database_is_utf8_with_checksums_and_without_a_port(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    assert ask(postgres, "SHOW server_encoding") == "UTF8"
    assert ask(postgres, "SHOW data_checksums") == "on"
    assert ask(postgres, "SHOW listen_addresses") == ""
    assert ask(postgres, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


def test_data_outlive_a_stop(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    postgres.start()
    ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()
    postgres.start()
    assert ask(postgres, "SELECT answer FROM kept") == 42

    valkey.start()
    with closing(redis.from_url(valkey.url)) as client:
        client.set("kept", "42")
    valkey.stop()
    valkey.start()
    with closing(redis.from_url(valkey.url)) as client:
        assert client.get("kept") == b"42"


def test_stopping_twice_or_before_a_start_does_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    postgres.start()
    postgres.stop()
    postgres.stop()


def test_a_pid_file_left_by_a_power_cut_does_not_prevent_the_start(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    postgres.start()
    pid_file = tmp_path / "postgres/data/postmaster.pid"
    left = pid_file.read_text()
    postgres.stop()
    pid_file.write_text("\n".join([str(os.getppid()), *left.split("\n")[1:]]))  # somebody has that number now
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_it_starts_again_after_its_server_was_killed(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    postgres.start()
    os.kill(server_pid(postgres, tmp_path / "postgres/data"), 9)
    wait_until(lambda: postgres.poll() is not None)
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_an_initdb_that_was_cut_short_is_done_again(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres/data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


@pytest.mark.parametrize("server_class", [EmbeddedPostgres, EmbeddedValkey])
def test_a_second_one_on_the_same_folder_is_told_so(
    server_class: type[EmbeddedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antiphon.embedded.server._LOCK_SECONDS", 0.0)
    first, second = server_class(tmp_path / "data"), server_class(tmp_path / "data")
    first.start()
    try:
        with pytest.raises(StartError, match="is in use by another process"):
            second.start()
        assert first.poll() is None
    finally:
        first.stop()


@pytest.mark.parametrize("server_class", [EmbeddedPostgres, EmbeddedValkey])
def test_a_path_too_long_for_a_socket_gets_a_short_folder_that_is_removed(
    server_class: type[EmbeddedServer], tmp_path: Path
) -> None:
    home = tmp_path / ("long" * 20) / ("longer" * 20)
    assert len(os.fsencode(home)) > SOCKET_PATH_BYTES
    server = server_class(home)
    server.start()
    short = (home / "socket").readlink()
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    server.stop()
    assert not short.exists()


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StartError, match=r"Cannot make the folder .* choose another one with ANTIPHON_DATA_DIR"
    ):
        EmbeddedValkey(tmp_path / "file" / "valkey").start()


def test_no_folder_that_is_not_ours_changes(tmp_path: Path) -> None:
    home = tmp_path / "private"
    home.mkdir(mode=0o700)
    outside = [home, *home.parents]

    def modes_and_owners() -> list[tuple[int, int, int]]:
        return [(found.st_mode, found.st_uid, found.st_gid) for found in map(os.stat, outside)]

    before, accounts = modes_and_owners(), pwd.getpwall()
    for server in (EmbeddedPostgres(home / "postgres", durable=False), EmbeddedValkey(home / "valkey")):
        server.start()
        server.stop()
    assert modes_and_owners() == before
    assert pwd.getpwall() == accounts


def test_only_we_can_enter_the_folders(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    postgres.start()
    for folder in (tmp_path / "postgres", tmp_path / "postgres/data", tmp_path / "postgres/socket"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_killing_the_starter_leaves_nothing_and_the_next_start_works(tmp_path: Path) -> None:
    with parent_running(START_BOTH, tmp_path) as parent:
        family = family_of(parent)
        assert {"postgres", "valkey-server"} <= {one.name() for one in family}
        kill(parent)
        # At once, while the servers of the first are still shutting down.
        with parent_running(START_BOTH, tmp_path) as second:
            assert_gone(family)
            second_family = family_of(second)
            kill(second)
            assert_gone(second_family)


def test_killing_the_starter_and_the_guards_leaves_nothing(tmp_path: Path) -> None:
    with parent_running(START_BOTH, tmp_path) as parent:
        family = family_of(parent)
        for process in (parent, *(one for one in family if "guard.py" in " ".join(one.cmdline()))):
            kill(process)
        assert_gone([one for one in family if psutil.pid_exists(one.pid)])
