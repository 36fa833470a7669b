import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from channels.db import database_sync_to_async
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.audit.models import AuditEvent
from apps.core.tenancy import NoTenant, tenant_context
from apps.keys import secrets
from apps.keys.authentication import ANYONE, KeyRefused, aauthenticate, api_key_authenticate, authenticate
from apps.keys.callers import Caller
from apps.keys.models import ApiKey, Scope
from apps.keys.scopes import NEEDS, grantable_by
from apps.keys.selectors import revoked_keys
from apps.keys.services import (
    LAST_USED_STEP,
    api_key_create,
    api_key_mark_used,
    api_key_revoke,
    api_key_rotate,
    api_key_update,
    client_secret_create,
)
from apps.tenants.models import Role
from apps.tenants.selectors import PersonalMembership
from tests.cast import Person, owner_of

pytestmark = pytest.mark.django_db


def unknown_key() -> str:
    return secrets.new_key(secrets.Kind.API_KEY, {1: bytes(32)}).text


def grants_of(role: Role) -> frozenset[str]:
    return grantable_by(PersonalMembership(uuid.uuid4(), role, uuid.uuid4(), "acme", "Acme"))


def refused(text: str, caller: Caller = ANYONE) -> str:
    with pytest.raises(KeyRefused) as refusal:
        api_key_authenticate(text, caller)
    return str(refusal.value)


def test_it_works(alice: Person) -> None:
    alice.tenant.default_model = "groq/gpt-oss-120b"
    alice.tenant.save()
    created = alice.make_key(scopes=["realtime"])
    grant = api_key_authenticate(created.text)
    assert (grant.tenant_id, grant.tenant_slug, grant.key_id) == (alice.tenant.id, "acme", created.key.id)
    assert grant.default_model == "groq/gpt-oss-120b"
    assert grant.allows(Scope.REALTIME)
    assert not grant.allows(Scope.MODELS)


def test_a_key_has_its_documented_shape_and_only_its_digest_is_kept(alice: Person) -> None:
    created = alice.make_key()
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}", created.text)
    assert created.key.masked == f"{created.text[:20]}_…{created.text[-4:]}"
    with tenant_context(alice.tenant.id):
        row = ApiKey.objects.values().get(id=created.key.id)
    secret = created.text.rpartition("_")[2]
    assert secret not in repr(row)
    assert len(row["digest"]) == 32


@pytest.mark.parametrize(
    "text", ["", "sk_", "sk-proj-123", "ek_abc", "sk_" + "é" * 12 + "_" + "a" * 40, "sk_\0"]
)
def test_a_malformed_key_is_refused(text: str) -> None:
    assert refused(text)


def test_an_unknown_key_is_refused(alice: Person) -> None:
    assert refused(unknown_key())


def test_a_wrong_secret_is_refused(alice: Person) -> None:
    text = alice.make_key().text
    assert refused(text[:-1] + ("a" if text[-1] != "a" else "b"))


def test_a_revoked_key_is_refused(alice: Person) -> None:
    created = alice.make_key()
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=created.key)
    assert refused(created.text)


def test_revoking_again_keeps_the_first_time(alice: Person) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=key)
        first = key.revoked_at
        api_key_revoke(key=key)
    assert key.revoked_at == first


def test_an_expired_key_is_refused(alice: Person) -> None:
    created = alice.make_key(expires_at=timezone.now() + timedelta(days=1))
    assert api_key_authenticate(created.text)
    with tenant_context(alice.tenant.id):
        ApiKey.objects.filter(id=created.key.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(created.text)


def test_a_key_outlives_a_new_pepper_but_not_the_loss_of_its_own(alice: Person, settings: Settings) -> None:
    old = alice.make_key()
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: bytes(range(32))}
    new = alice.make_key()
    assert (old.key.pepper, new.key.pepper) == (1, 2)
    assert api_key_authenticate(old.text)
    assert api_key_authenticate(new.text)
    settings.API_KEY_PEPPERS = {2: bytes(range(32))}
    assert refused(old.text)
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


# Restrictions


def test_the_label_of_a_key_is_its_environment(alice: Person) -> None:
    created = alice.make_key(environment="test")
    assert created.text.startswith("sk_test_")
    assert api_key_authenticate(created.text).key_name == "test"


def test_a_key_from_before_there_were_environments_still_works(alice: Person) -> None:
    made = secrets.new_key(secrets.Kind.API_KEY, {1: bytes(32)})
    with tenant_context(alice.tenant.id):
        key = ApiKey.objects.create(
            name="old", environment="", lookup=made.lookup, digest=made.digest, pepper=1, scopes=["models"]
        )
    assert api_key_authenticate(made.text).key_id == key.id
    assert key.masked.startswith(f"sk_{made.lookup}_")


def test_a_key_is_taken_only_from_its_addresses(alice: Person) -> None:
    created = alice.make_key(allowed_addresses=["203.0.113.9/24", "2001:db8::1"])
    assert created.key.allowed_addresses == ["2001:db8::1/128", "203.0.113.0/24"]
    for address in ("203.0.113.77", "::ffff:203.0.113.77", "2001:db8::1"):
        assert api_key_authenticate(created.text, Caller(address))
    for address in ("198.51.100.1", "2001:db8::2", "unix", None):
        assert "address" in refused(created.text, Caller(address))


def test_a_key_is_taken_only_from_pages_of_its_origins(alice: Person) -> None:
    created = alice.make_key(allowed_origins=["HTTPS://App.Example.com:443/", "http://localhost:3000"])
    assert created.key.allowed_origins == ["http://localhost:3000", "https://app.example.com"]
    for origin in ("https://app.example.com", "http://localhost:3000", None):
        assert api_key_authenticate(created.text, Caller(origin=origin))
    for origin in ("https://evil.example", "https://app.example.com.evil.example", "null"):
        assert origin in refused(created.text, Caller(origin=origin))


def test_the_client_secrets_of_a_key_are_bound_to_its_origins_but_not_to_its_addresses(alice: Person) -> None:
    key = alice.make_key(allowed_origins=["https://app.example.com"], allowed_addresses=["203.0.113.1"]).key
    with tenant_context(alice.tenant.id):
        text = client_secret_create(
            key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=1)
        ).text
    assert authenticate(text, Caller("198.51.100.1", "https://app.example.com"))
    with pytest.raises(KeyRefused, match="evil"):
        authenticate(text, Caller(origin="https://evil.example"))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("allowed_addresses", "somewhere"),
        ("allowed_addresses", "10.0.0.0/33"),
        ("allowed_origins", "app.example.com"),
        ("allowed_origins", "https://app.example.com/page"),
        ("allowed_origins", "https://me@app.example.com"),
        ("allowed_origins", "https://app.example.com:port"),
        ("allowed_origins", "*"),
    ],
)
def test_a_restriction_that_is_none_is_refused(alice: Person, field: str, wrong: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        alice.make_key(**{field: [wrong]})
    assert wrong in refusal.value.message_dict[field][0]


def test_a_realtime_only_key_has_no_other_scope(alice: Person) -> None:
    assert alice.make_key(realtime_only=True, scopes=["realtime"]).key.realtime_only
    with pytest.raises(ValidationError, match="no other"):
        alice.make_key(realtime_only=True, scopes=["realtime", "models"])


def test_a_realtime_only_key_stays_one(alice: Person) -> None:
    key = alice.make_key(realtime_only=True, scopes=["realtime"]).key
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="no other"):
        api_key_update(key=key, scopes=["realtime", "keys.write"])


def test_nobody_gives_a_key_what_they_may_not_do(alice: Person) -> None:
    grantable = grants_of(Role.DEVELOPER)
    assert alice.make_key(scopes=["keys.write"], grantable=grantable)
    for scope in ("members.write", "audit.read", "tenant.write", "sessions.delete"):
        with pytest.raises(ValidationError, match=scope):
            alice.make_key(scopes=["realtime", scope], grantable=grantable)


def test_every_scope_says_what_it_needs() -> None:
    assert set(NEEDS) == set(Scope)
    assert grants_of(Role.OWNER) == set(Scope)
    assert not any(scope.endswith((".write", ".end", ".delete")) for scope in grants_of(Role.VIEWER))


def test_the_address_of_the_last_use_is_kept(alice: Person) -> None:
    created = alice.make_key()
    api_key_authenticate(created.text, Caller("203.0.113.5"))
    with tenant_context(alice.tenant.id):
        assert ApiKey.objects.get(id=created.key.id).last_used_address == "203.0.113.5"


# Changing and rotating


def test_a_key_is_changed(alice: Person) -> None:
    created = alice.make_key()
    with tenant_context(alice.tenant.id):
        api_key_update(key=created.key, name="Other", allowed_addresses=["203.0.113.1"])
    assert refused(created.text, Caller("203.0.113.2"))
    assert api_key_authenticate(created.text, Caller("203.0.113.1")).key_name == "Other"


def test_rotating_makes_a_successor_and_both_work_for_a_while(alice: Person) -> None:
    old = alice.make_key(scopes=["realtime"], allowed_addresses=["203.0.113.1"])
    with tenant_context(alice.tenant.id):
        new = api_key_rotate(key=old.key, overlap=timedelta(hours=2))
    caller = Caller("203.0.113.1")
    assert api_key_authenticate(old.text, caller)
    assert api_key_authenticate(new.text, caller).scopes == {Scope.REALTIME}
    assert old.key.expires_at is not None
    assert timedelta(hours=1.9) < old.key.expires_at - timezone.now() < timedelta(hours=2)
    assert (new.key.name, new.key.expires_at) == (old.key.name, None)


def test_rotating_at_once_ends_the_old_key(alice: Person) -> None:
    old = alice.make_key(expires_at=timezone.now() + timedelta(days=30))
    with tenant_context(alice.tenant.id):
        new = api_key_rotate(key=old.key, overlap=timedelta(0))
    assert refused(old.text)
    assert new.key.expires_at is not None
    assert timedelta(days=29) < new.key.expires_at - timezone.now() < timedelta(days=31)


def test_rotating_never_lengthens_the_old_key(alice: Person) -> None:
    end = timezone.now() + timedelta(minutes=1)
    old = alice.make_key(expires_at=end).key
    with tenant_context(alice.tenant.id):
        api_key_rotate(key=old, overlap=timedelta(days=1))
    assert old.expires_at == end


@pytest.mark.parametrize("hours", [-1, 24 * 31])
def test_an_overlap_has_limits(alice: Person, hours: int) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="days"):
        api_key_rotate(key=key, overlap=timedelta(hours=hours))


def test_who_may_not_give_its_scopes_may_not_rotate_a_key(alice: Person) -> None:
    key = alice.make_key(scopes=["members.write"]).key
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match=r"members\.write"):
        api_key_rotate(key=key, overlap=timedelta(0), grantable=grants_of(Role.DEVELOPER))


def test_a_revoked_key_is_neither_changed_nor_rotated(alice: Person) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=key)
        with pytest.raises(ValidationError, match="make another"):
            api_key_rotate(key=key, overlap=timedelta(0))
        with pytest.raises(ValidationError, match="make another"):
            api_key_update(key=key, name="x")


def test_what_happens_to_keys_is_in_the_audit_log_without_their_text(alice: Person) -> None:
    created = alice.make_key()
    with tenant_context(alice.tenant.id):
        api_key_update(key=created.key, name="Other")
        successor = api_key_rotate(key=created.key, overlap=timedelta(0))
        api_key_revoke(key=successor.key)
        events = list(AuditEvent.objects.filter(target_kind="API key").values())
    assert [event["action"] for event in reversed(events)] == [
        "api_key.created",
        "api_key.updated",
        "api_key.rotated",
        "api_key.revoked",
    ]
    assert not {created.text.split("_")[3], successor.text.split("_")[3]} & set(
        re.split(r"\W|_", str(events))
    )


def test_only_revoked_keys_are_found_revoked(alice: Person, mallory: Person) -> None:
    kept, revoked = alice.make_key().key, mallory.make_key().key
    with tenant_context(mallory.tenant.id):
        api_key_revoke(key=revoked)
    assert revoked_keys([kept.id, revoked.id, uuid.uuid4()]) == {revoked.id}
