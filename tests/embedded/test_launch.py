"""The pieces of `manage.py up`; the whole of it is tested as a process elsewhere."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.embedded.launch import check_port, is_healthy, without_files
from antiphon.embedded.process import StartError
from antiphon.embedded.secrets_file import secrets_for


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_free_port_is_fine(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    check_port("127.0.0.1", port)


def test_a_busy_port_gets_a_sentence(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(StartError) as refusal:
        check_port("127.0.0.1", port)
    assert str(refusal.value) == (
        f"Port {port} on 127.0.0.1 is in use: stop the program that uses it, or choose another with PORT."
    )


def test_a_port_that_others_share_is_busy_too() -> None:
    with socket.socket() as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(("127.0.0.1", 0))
        shared.listen()
        with pytest.raises(StartError, match="is in use"):
            check_port(*shared.getsockname())


def test_an_address_that_is_not_here_gets_a_sentence() -> None:
    with pytest.raises(StartError, match=r"Cannot listen on 192\.0\.2\.1:8000 .* HOST and PORT"):
        check_port("192.0.2.1", 8000)


def test_nobody_there_is_not_healthy(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert not is_healthy("127.0.0.1", port, "localhost")


def test_secrets_are_made_once_and_for_us_alone(tmp_path: Path) -> None:
    first = secrets_for(["SECRET_KEY", "API_KEY_PEPPERS"], tmp_path)
    assert len(first["SECRET_KEY"]) >= 50
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert secrets_for(["SECRET_KEY", "API_KEY_PEPPERS"], tmp_path) == first


def test_a_secret_that_is_asked_for_later_joins_the_others(tmp_path: Path) -> None:
    first = secrets_for(["SECRET_KEY"], tmp_path)
    later = secrets_for(["SECRET_KEY", "ENCRYPTION_KEYS"], tmp_path)
    assert later["SECRET_KEY"] == first["SECRET_KEY"]
    assert set(json.loads((tmp_path / "secrets.json").read_text())) == {"SECRET_KEY", "ENCRYPTION_KEYS"}


def test_a_value_that_is_given_replaces_the_file_that_names_it() -> None:
    environment = {"REDIS_URL_FILE": "/run/secrets/redis", "PORT_FILE": "/run/port", "HOME": "/home/alice"}
    assert without_files(environment, {"REDIS_URL": "unix:///x"}) == {
        "PORT_FILE": "/run/port",
        "HOME": "/home/alice",
    }
