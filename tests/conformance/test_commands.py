"""Commands beside a running platform: they find its database by the data folder they share."""

from pathlib import Path

import openai

from tests.conformance.commands import manage
from tests.platform_fixture import Platform


def test_a_new_key_is_all_that_is_printed_and_it_works(platform: Platform) -> None:
    done = manage(platform.data_dir, "create_api_key", "--tenant", "demo", "--name", "X")
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    assert key.startswith("sk_")
    assert len(done.stdout.splitlines()) == 1
    client = openai.OpenAI(base_url=platform.base_url, api_key=key)
    assert any(model.id == "local/dialogue" for model in client.models.list())


def test_an_unknown_tenant_gets_one_sentence(platform: Platform) -> None:
    done = manage(platform.data_dir, "create_api_key", "--tenant", "nobody", "--name", "X")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "There is no tenant 'nobody'." in done.stderr


def test_without_a_running_platform_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    done = manage(tmp_path, "create_api_key", "--tenant", "demo", "--name", "X")
    assert done.returncode == 1
    assert "start Antiphon with `make up` first" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_second_platform_on_the_same_data_leaves_the_first_ones_commands_working(
    platform: Platform,
) -> None:
    assert "is in use by another process" in manage(platform.data_dir, "up").stderr
    assert manage(platform.data_dir, "create_api_key", "--tenant", "demo", "--name", "Y").returncode == 0
