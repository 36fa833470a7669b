"""The playground's page, and the client secret that it lends to the browser."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set
from apps.keys.authentication import authenticate
from apps.keys.models import ApiKey, ClientSecret
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db
PAGE = "/acme/playground/"
SECRET = "/acme/playground/secret/"


def signed_in(person: Person, **options: object) -> Client:
    client = Client(**options)  # type: ignore[arg-type]
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def test_the_page_suggests_what_the_tenant_can_use(alice: Person) -> None:
    client = signed_in(alice)
    assert "local/dialogue" in (before := client.get(PAGE).content.decode())
    assert "groq/" not in before
    with tenant_context(alice.tenant.id):
        credential_set(provider="groq", key="a-secret-key")
    assert "groq/" in client.get(PAGE).content.decode()


def test_the_secret_opens_sessions_of_this_tenant_and_is_no_key(alice: Person) -> None:
    answer = signed_in(alice).post(SECRET)
    made = answer.json()
    assert made["value"].startswith("ek_")
    assert answer["cache-control"].startswith("max-age=0")
    assert (
        timedelta()
        < timedelta(seconds=made["expires_at"] - timezone.now().timestamp())
        <= timedelta(minutes=1)
    )
    assert authenticate(made["value"]).tenant_id == alice.tenant.id
    with tenant_context(alice.tenant.id):
        assert not ApiKey.objects.exists()
        assert json.loads(ClientSecret.objects.get().session_preset) == {"type": "realtime"}


def test_a_viewer_may_neither_see_nor_talk(alice: Person) -> None:
    client = signed_in(member_of(alice.tenant, "vera", "viewer"))
    assert client.get(PAGE).status_code == 403
    assert client.post(SECRET).status_code == 403
    assert PAGE not in client.get("/acme/").content.decode()


def test_another_site_gets_no_secret(alice: Person) -> None:
    assert signed_in(alice, enforce_csrf_checks=True).post(SECRET).status_code == 403
    with tenant_context(alice.tenant.id):
        assert not ClientSecret.objects.exists()


def test_who_is_not_signed_in_is_asked_to(alice: Person) -> None:
    assert Client().post(SECRET).status_code == 302
