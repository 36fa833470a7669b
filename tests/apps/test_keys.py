import re
from datetime import UTC, datetime, timedelta

import pytest
from channels.db import database_sync_to_async
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.core.tenancy import NoTenant, tenant_context
from apps.keys import secrets
from apps.keys.models import ApiKey, Scope
from apps.keys.services import (
    LAST_USED_STEP,
    KeyRefused,
    aauthenticate,
    api_key_authenticate,
    api_key_create,
    api_key_mark_used,
    api_key_revoke,
)
from tests.cast import Person, owner_of

pytestmark = pytest.mark.django_db


def unknown_key() -> str:
    return secrets.new_key(secrets.Kind.API_KEY, {1: bytes(32)}).text


def test_it_works(alice: Person) -> None:
    alice.tenant.default_model = "groq/gpt-oss-120b"
    alice.tenant.save()
    created = alice.make_key(scopes=["realtime"])
    grant = api_key_authenticate(created.text)
    assert grant is not None
    assert (grant.tenant_id, grant.tenant_slug, grant.key_id) == (alice.tenant.id, "acme", created.key.id)
    assert grant.default_model == "groq/gpt-oss-120b"
    assert grant.allows(Scope.REALTIME)
    assert not grant.allows(Scope.MODELS)


def test_a_key_has_its_documented_shape_and_only_its_digest_is_kept(alice: Person) -> None:
    created = alice.make_key()
    assert re.fullmatch(r"sk_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}", created.text)
    assert created.key.masked == f"{created.text[:15]}_…{created.text[-4:]}"
    with tenant_context(alice.tenant.id):
        row = ApiKey.objects.values().get(id=created.key.id)
    secret = created.text.rpartition("_")[2]
    assert secret not in repr(row)
    assert len(row["digest"]) == 32


@pytest.mark.parametrize(
    "text", ["", "sk_", "sk-proj-123", "ek_abc", "sk_" + "é" * 12 + "_" + "a" * 40, "sk_\0"]
)
def test_a_malformed_key_is_refused(text: str) -> None:
    assert api_key_authenticate(text) is None


def test_an_unknown_key_is_refused(alice: Person) -> None:
    assert api_key_authenticate(unknown_key()) is None


def test_a_wrong_secret_is_refused(alice: Person) -> None:
    text = alice.make_key().text
    assert api_key_authenticate(text[:-1] + ("a" if text[-1] != "a" else "b")) is None


def test_a_revoked_key_is_refused(alice: Person) -> None:
    created = alice.make_key()
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=created.key)
    assert api_key_authenticate(created.text) is None


def test_revoking_again_keeps_the_first_time(alice: Person) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=key)
        first = key.revoked_at
        api_key_revoke(key=key)
    assert key.revoked_at == first


def test_an_expired_key_is_refused(alice: Person) -> None:
    created = alice.make_key(expires_at=timezone.now() + timedelta(days=1))
    assert api_key_authenticate(created.text) is not None
    with tenant_context(alice.tenant.id):
        ApiKey.objects.filter(id=created.key.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api_key_authenticate(created.text) is None


def test_a_key_outlives_a_new_pepper_but_not_the_loss_of_its_own(alice: Person, settings: Settings) -> None:
    old = alice.make_key()
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: bytes(range(32))}
    new = alice.make_key()
    assert (old.key.pepper, new.key.pepper) == (1, 2)
    assert api_key_authenticate(old.text)
    assert api_key_authenticate(new.text)
    settings.API_KEY_PEPPERS = {2: bytes(range(32))}
    assert api_key_authenticate(old.text) is None
    assert api_key_authenticate(new.text)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_a_key_with_bad_fields_is_not_made(alice: Person, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        alice.make_key(**fields)


def test_a_key_needs_a_tenant() -> None:
    with pytest.raises(NoTenant):
        api_key_create(name="x")


def test_use_is_recorded_at_most_once_a_minute(alice: Person) -> None:
    created = alice.make_key()
    api_key_authenticate(created.text)
    with tenant_context(alice.tenant.id):
        key = ApiKey.objects.get(id=created.key.id)
        first = key.last_used_at
        assert first is not None
        api_key_authenticate(created.text)
        api_key_mark_used(key_id=key.id, at=first + LAST_USED_STEP / 2)
        key.refresh_from_db()
        assert key.last_used_at == first
        later = first + LAST_USED_STEP * 2
        api_key_mark_used(key_id=key.id, at=later)
        key.refresh_from_db()
    assert key.last_used_at == later


@pytest.mark.django_db(transaction=True)
async def test_the_async_twin_gives_the_same() -> None:
    alice = await database_sync_to_async(owner_of)("acme", "alice")
    created = await database_sync_to_async(alice.make_key)()
    grant = await aauthenticate(created.text)
    assert grant is not None
    assert grant.key_id == created.key.id
    with pytest.raises(KeyRefused):
        await aauthenticate(unknown_key())
