"""The environment: defaults, files, and a sentence for each wrong value."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.config.env import PROJECT, Env, EnvError, load_env
from tests.embedded.processes import PLATFORM


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Env.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def refusal() -> str:
    with pytest.raises(EnvError) as caught:
        load_env()
    return str(caught.value)


def test_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("ALLOWED_HOSTS", "voice.example.com, .example.org")
    monkeypatch.setenv("API_KEY_PEPPERS", f"1:{'0a' * 32},2:{'0b' * 32}")
    found = load_env()
    assert found.port == 9000
    assert found.allowed_hosts == ("voice.example.com", ".example.org")
    assert found.api_key_peppers == {1: b"\n" * 32, 2: b"\x0b" * 32}


def test_nothing_needs_to_be_set() -> None:
    found = load_env()
    assert (found.host, found.port) == ("127.0.0.1", 8000)
    assert found.antiphon_data_dir == PROJECT / ".antiphon"
    assert found.database_url is None


def test_hosts_that_tenants_may_reach_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "tools.internal, 10.0.0.0/8")
    assert load_env().outbound_allow == ("tools.internal", "10.0.0.0/8")
    monkeypatch.setenv("OUTBOUND_ALLOW", "https://tools.internal")
    assert refusal() == (
        "OUTBOUND_ALLOW must be host names, addresses or networks with commas between them, "
        "like tools.internal or 10.0.0.0/8, but is 'https://tools.internal'."
    )


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("REDIS_URL", "")
    assert (load_env().port, load_env().redis_url) == (8000, None)


def test_a_value_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load_env().secret_key == "k" * 40


def test_a_file_that_is_not_there_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/nonexistent")
    assert refusal() == (
        "SECRET_KEY_FILE must be the path of a readable file, but '/nonexistent' is not: "
        "No such file or directory."
    )


def test_a_value_and_a_file_at_once_get_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("9000")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "port"))
    assert refusal() == "PORT and PORT_FILE are both set: keep one of them."


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "abc", "a port number from 1 to 65535"),
        ("PORT", "70000", "a port number from 1 to 65535"),
        ("DEBUG", "maybe", "true or false"),
        ("ANTIPHON_WEB_PROCESSES", "0", "a whole number from 1 to 256"),
        ("ANTIPHON_DRAIN_SECONDS", "-1", "a number of seconds from 0 to 86400"),
        ("DEFAULT_MODEL", "dialogue", "a name like provider/model"),
        ("LLM_BASE_URL", "localhost:8080", "an address that starts with http:// or https://"),
    ],
)
def test_a_wrong_value_gets_a_sentence_that_says_what_is_allowed(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert refusal() == f"{name} must be {allowed}, but is {value!r}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "too-short"),
        ("DATABASE_URL", "mysql://alice:hunter2@db/antiphon"),
        ("REDIS_URL", "http://:hunter2@redis"),
        ("API_KEY_PEPPERS", "1:not-hex"),
        ("API_KEY_PEPPERS", "one:" + "0a" * 32),
        ("API_KEY_PEPPERS", "1:0a"),
        ("ENCRYPTION_KEYS", f"1:{'0a' * 32},1:{'0b' * 32}"),
    ],
)
def test_a_wrong_secret_is_refused_and_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    sentence = refusal()
    assert sentence.startswith(f"{name} must be ")
    assert value not in sentence


def test_secrets_are_not_shown_either_when_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_API_KEY", "hunter2")
    assert "hunter2" not in repr(load_env())


def test_two_wrong_values_get_two_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "abc")
    monkeypatch.setenv("DEBUG", "maybe")
    assert [line.split()[0] for line in refusal().splitlines()] == ["PORT", "DEBUG"]


def test_one_database_needs_an_address_for_each_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://antiphon@db/antiphon")
    assert refusal().startswith("DATABASE_URL and ACROSS_DATABASE_URL must be set together")


def test_a_process_ends_with_the_sentence_and_exit_code_2() -> None:
    code = "from antiphon.config.env import env; env()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PLATFORM), "PORT": "abc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        2,
        "PORT must be a port number from 1 to 65535, but is 'abc'.\n",
    )
