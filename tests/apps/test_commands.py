import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.core.tenancy import tenant_context
from apps.keys.authentication import api_key_authenticate, api_key_find
from apps.keys.models import ApiKey
from apps.keys.scopes import FOR_APPS
from apps.keys.services import api_key_revoke
from apps.tenants.models import Tenant
from tests.cast import Person

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return settings.DATA_DIR


def test_create_api_key_prints_the_key_and_nothing_else(alice: Person) -> None:
    text = run("create_api_key", "--tenant", "acme", "--name", "robot").removesuffix("\n")
    assert api_key_authenticate(text).scopes == set(FOR_APPS)


def test_create_api_key_limits_scopes_and_time(alice: Person) -> None:
    text = run(
        "create_api_key", "--tenant=acme", "--name=robot", "--scopes", "models", "--expires-in-days", "7"
    ).strip()
    record = api_key_find(text)
    assert record is not None
    assert record.scopes == ["models"]
    assert record.expires_at is not None


def test_create_api_key_refuses_an_unknown_tenant() -> None:
    with pytest.raises(CommandError, match=r"^There is no tenant 'nobody'\.$") as error:
        run("create_api_key", "--tenant", "nobody", "--name", "robot")
    assert error.value.returncode == 1


def test_create_api_key_refuses_a_time_in_the_past(alice: Person) -> None:
    with pytest.raises(CommandError, match="future"):
        run("create_api_key", "--tenant=acme", "--name=robot", "--expires-in-days=-1")


def test_create_api_key_refuses_an_unknown_scope(alice: Person) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        run("create_api_key", "--tenant=acme", "--name=robot", "--scopes", "everything")


def test_ensure_demo_tenant_gives_the_same_each_time(data_dir: Path) -> None:
    first = json.loads(run("ensure_demo_tenant"))
    assert json.loads(run("ensure_demo_tenant")) == first
    assert first["email"] == "demo@antiphon.local"
    assert User.objects.get(email=first["email"]).check_password(first["password"])
    assert api_key_authenticate(first["api_key"]).tenant_slug == "demo"


def test_the_demo_file_is_ours_alone(data_dir: Path) -> None:
    run("ensure_demo_tenant")
    assert stat.S_IMODE((data_dir / "demo.json").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["demo.json"]


def test_a_revoked_demo_key_is_replaced(data_dir: Path) -> None:
    first = json.loads(run("ensure_demo_tenant"))
    with tenant_context(Tenant.objects.get(slug="demo").id):
        api_key_revoke(key=ApiKey.objects.get())
    second = json.loads(run("ensure_demo_tenant"))
    assert second["password"] == first["password"]
    assert api_key_find(first["api_key"]) is None
    assert api_key_find(second["api_key"])


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{")], ids=["lost", "broken"])
def test_a_lost_demo_file_is_made_anew_and_the_old_key_revoked(data_dir: Path, damage: object) -> None:
    first = json.loads(run("ensure_demo_tenant"))
    damage(data_dir / "demo.json")
    second = json.loads(run("ensure_demo_tenant"))
    assert api_key_find(first["api_key"]) is None
    assert api_key_find(second["api_key"])
    assert User.objects.get(email=second["email"]).check_password(second["password"])
