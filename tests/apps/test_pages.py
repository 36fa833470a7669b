import re

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.core.tenancy import tenant_context
from apps.keys.authentication import api_key_find
from apps.keys.models import ApiKey
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_landing_page_says_how_to_begin_and_how_it_is(redis_url: str) -> None:
    page = Client().get("/").content.decode()
    assert "http://testserver/v1" in page
    assert "AsyncOpenAI" in page
    assert "Ready" in page


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_landing_page_names_what_fails(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert "Not ready: valkey" in Client().get("/").content.decode()


def test_an_address_is_taken_whatever_its_case(alice: Person) -> None:
    with pytest.raises(ValidationError, match="Somebody has this address"):
        user_create(email="Alice@Example.com", password=PASSWORD)
    assert User.objects.count() == 1


def test_keys_are_listed_masked(alice: Person) -> None:
    created = alice.make_key(name="Phone line")
    page = signed_in(alice).get("/acme/").content.decode()
    assert "Phone line" in page
    assert created.key.masked in page
    assert created.text not in page


def test_a_new_key_is_shown_once(bob: Person) -> None:
    client = signed_in(bob)
    response = client.post("/acme/keys/", {"name": "Kiosk", "scopes": ["realtime"], "days": "30"})
    found = re.search(r"sk_\w{53}", response.content.decode())
    assert found is not None
    assert "no-store" in response["cache-control"]
    record = api_key_find(found[0])
    assert record is not None
    assert record.scopes == ["realtime"]
    assert record.expires_at is not None
    assert found[0] not in client.get("/acme/").content.decode()
    with tenant_context(bob.tenant.id):
        assert ApiKey.objects.get().created_by == bob.membership


def test_a_key_without_a_name_is_not_made(alice: Person) -> None:
    response = signed_in(alice).post("/acme/keys/", {"name": "", "scopes": ["realtime"]})
    assert response.status_code == 422
    assert "This field is required" in response.content.decode()
    with tenant_context(alice.tenant.id):
        assert not ApiKey.objects.exists()


def test_a_revoked_key_is_gone_from_the_page_and_works_no_more(alice: Person) -> None:
    created = alice.make_key()
    client = signed_in(alice)
    response = client.post(f"/acme/keys/{created.key.id}/revoke/", follow=True)
    assert created.key.masked not in response.content.decode()
    assert api_key_find(created.text) is None
    assert client.post(f"/acme/keys/{created.key.id}/revoke/").status_code == 404


def test_a_viewer_sees_keys_but_can_neither_make_nor_revoke_them(alice: Person) -> None:
    key = alice.make_key().key
    client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
    page = client.get("/acme/").content.decode()
    assert key.masked in page
    assert "Revoke" not in page
    assert client.post("/acme/keys/", {"name": "x", "scopes": ["realtime"]}).status_code == 403
    assert client.post(f"/acme/keys/{key.id}/revoke/").status_code == 403
    with tenant_context(alice.tenant.id):
        assert list(ApiKey.objects.values_list("revoked_at", flat=True)) == [None]


def test_forms_need_their_csrf_token(alice: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    assert client.post("/acme/keys/", {"name": "x", "scopes": ["realtime"]}).status_code == 403


def test_a_former_member_gets_404(alice: Person, bob: Person) -> None:
    client = signed_in(bob)
    with tenant_context(alice.tenant.id):
        bob.membership.delete()
    assert client.get("/acme/").status_code == 404
