"""Sessions of a key end when it is revoked, in whichever process they run."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from apps.conversations import revocation, runtime
from apps.conversations.models import EndReason, RealtimeSession
from apps.conversations.revocation import RevocationWatch
from apps.core.tenancy import tenant_context
from apps.keys.models import ApiKey
from apps.keys.services import api_key_revoke, client_secret_create
from tests.apps.live import in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


def revoke(person: Person, key: ApiKey) -> None:
    with tenant_context(person.tenant.id):
        api_key_revoke(key=key)


def secret_of(person: Person, key: ApiKey) -> str:
    with tenant_context(person.tenant.id):
        return client_secret_create(
            key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=1)
        ).text


def end_reasons(person: Person) -> list[str]:
    with tenant_context(person.tenant.id):
        return list(RealtimeSession.objects.order_by("started_at").values_list("end_reason", flat=True))


async def test_the_sessions_of_a_revoked_key_and_of_its_secrets_end(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked, kept = await in_thread(alice.make_key), await in_thread(alice.make_key)
    secret = await in_thread(secret_of, alice, revoked.key)
    async with (
        live_platform(monkeypatch),
        live_session(revoked.text, "local/dialogue") as mine,
        live_session(secret, "local/dialogue") as of_the_secret,
        live_session(kept.text, "local/dialogue") as other,
    ):
        for session in (mine, of_the_secret, other):
            await session.event("session.created")
        watch = RevocationWatch(runtime.calls)
        await watch.look()
        assert mine.close_code is None
        await in_thread(revoke, alice, revoked.key)
        watch.start(period=0.01)
        await mine.closed()
        await of_the_secret.closed()
        await watch.stop()
        assert (mine.close_code, of_the_secret.close_code) == (3000, 3000)
        assert other.close_code is None
    reasons = await in_thread(end_reasons, alice)
    assert sorted(reasons) == [EndReason.CLIENT_CLOSED, EndReason.KEY_REVOKED, EndReason.KEY_REVOKED]


async def test_without_the_database_sessions_go_on(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(key_ids: object) -> set[object]:
        raise OperationalError("no server")

    key = await in_thread(alice.make_key)
    async with live_platform(monkeypatch), live_session(key.text, "local/dialogue") as session:
        await session.event("session.created")
        await in_thread(revoke, alice, key.key)
        monkeypatch.setattr(revocation, "_revoked", unreachable)
        await RevocationWatch(runtime.calls).look()
        session.say("input_audio_buffer.clear")
        await session.event("input_audio_buffer.cleared")
