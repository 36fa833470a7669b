"""The pages of API keys."""

import re
import uuid

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.core.tenancy import tenant_context
from apps.keys.authentication import api_key_find
from apps.keys.models import ApiKey
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db

NEW = {"name": "Kiosk", "environment": "live", "scopes": ["realtime", "models"], "days": ""}


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def text_on(response: HttpResponse) -> str:
    found = re.search(r"sk_(?:live|test)_\w{53}", response.content.decode())
    assert found is not None
    return found[0]


def test_keys_are_listed_masked(alice: Person) -> None:
    created = alice.make_key(name="Phone line")
    page = signed_in(alice).get("/acme/keys/").content.decode()
    assert "Phone line" in page
    assert created.key.masked in page
    assert created.text not in page
    assert "/t/acme/v1" in page


def test_a_new_key_is_shown_once_and_only_once(bob: Person) -> None:
    client = signed_in(bob)
    response = client.post("/acme/keys/new/", {**NEW, "days": "30", "environment": "test"})
    text = text_on(response)
    assert text.startswith("sk_test_")
    assert "no-store" in response["cache-control"]
    record = api_key_find(text)
    assert record is not None
    assert record.scopes == ["realtime", "models"]
    assert record.expires_at is not None
    assert text not in client.get("/acme/keys/").content.decode()
    with tenant_context(bob.tenant.id):
        assert ApiKey.objects.get().created_by == bob.membership


def test_a_realtime_only_key_gets_that_scope_whatever_is_ticked(alice: Person) -> None:
    text = text_on(signed_in(alice).post("/acme/keys/new/", {**NEW, "realtime_only": "on"}))
    record = api_key_find(text)
    assert record is not None
    assert record.scopes == ["realtime"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "not one of the available choices"),
        ({"allowed_addresses": "203.0.113.1\nnowhere"}, "no address"),
        ({"allowed_origins": "app.example.com"}, "no origin"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(
    alice: Person, fields: dict[str, object], sentence: str
) -> None:
    response = signed_in(alice).post("/acme/keys/new/", {**NEW, **fields})
    assert response.status_code == 422
    page = response.content.decode()
    assert sentence in page
    assert str(fields.get("allowed_addresses", "")) in page
    assert ("Kiosk" in page) != ("name" in fields)
    with tenant_context(alice.tenant.id):
        assert not ApiKey.objects.exists()


def test_nobody_is_offered_a_scope_that_they_may_not_use(alice: Person, bob: Person) -> None:
    assert "members.write" in signed_in(alice).get("/acme/keys/new/").content.decode()
    client = signed_in(bob)
    assert "members.write" not in client.get("/acme/keys/new/").content.decode()
    assert client.post("/acme/keys/new/", {**NEW, "scopes": ["members.write"]}).status_code == 422


def test_a_key_is_edited(alice: Person) -> None:
    key = alice.make_key(name="Before", allowed_addresses=["203.0.113.1"]).key
    client = signed_in(alice)
    assert "203.0.113.1/32" in client.get(f"/acme/keys/{key.id}/").content.decode()
    changed = {"name": "After", "scopes": ["models"], "allowed_origins": "https://app.example.com"}
    assert client.post(f"/acme/keys/{key.id}/", changed).status_code == 302
    with tenant_context(alice.tenant.id):
        key.refresh_from_db()
    assert (key.name, key.scopes, key.allowed_addresses) == ("After", ["models"], [])
    assert key.allowed_origins == ["https://app.example.com"]


def test_an_edit_that_is_refused_says_why(alice: Person) -> None:
    key = alice.make_key(realtime_only=True, scopes=["realtime"]).key
    response = signed_in(alice).post(f"/acme/keys/{key.id}/", {"name": "x", "scopes": ["models"]})
    assert response.status_code == 422
    assert "realtime-only key" in response.content.decode()


def test_a_rotated_key_works_beside_its_successor(alice: Person) -> None:
    created = alice.make_key()
    response = signed_in(alice).post(f"/acme/keys/{created.key.id}/rotate/", {"overlap": "24"})
    assert "no-store" in response["cache-control"]
    assert "works until" in response.content.decode()
    assert api_key_find(text_on(response))
    assert api_key_find(created.text)


def test_a_key_rotated_at_once_works_no_more(alice: Person) -> None:
    created = alice.make_key()
    response = signed_in(alice).post(f"/acme/keys/{created.key.id}/rotate/", {"overlap": "0"})
    assert "does not work any more" in response.content.decode()
    assert api_key_find(created.text) is None


@pytest.mark.parametrize("overlap", ["", "many", "100000"])
def test_an_overlap_that_is_not_offered_changes_nothing(alice: Person, overlap: str) -> None:
    created = alice.make_key()
    response = signed_in(alice).post(f"/acme/keys/{created.key.id}/rotate/", {"overlap": overlap})
    assert response.status_code == 302
    with tenant_context(alice.tenant.id):
        assert ApiKey.objects.count() == 1


def test_who_may_not_give_its_scopes_cannot_rotate_a_key(alice: Person, bob: Person) -> None:
    key = alice.make_key(scopes=["members.write"]).key
    response = signed_in(bob).post(f"/acme/keys/{key.id}/rotate/", {"overlap": "0"}, follow=True)
    assert "members.write" in response.content.decode()
    with tenant_context(alice.tenant.id):
        assert ApiKey.objects.count() == 1


def test_a_revoked_key_is_gone_from_the_page_and_works_no_more(alice: Person) -> None:
    created = alice.make_key()
    client = signed_in(alice)
    response = client.post(f"/acme/keys/{created.key.id}/revoke/", follow=True)
    assert created.key.masked not in response.content.decode()
    assert api_key_find(created.text) is None
    assert client.post(f"/acme/keys/{created.key.id}/revoke/").status_code == 404


def test_an_expired_key_says_so_and_can_only_be_revoked(alice: Person) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id):
        ApiKey.objects.update(expires_at=timezone.now())
    page = signed_in(alice).get("/acme/keys/").content.decode()
    assert "Expired" in page
    assert f"revoke-{key.id}" in page
    assert f"rotate-{key.id}" not in page


def test_a_viewer_sees_keys_but_can_do_nothing_with_them(alice: Person) -> None:
    key = alice.make_key().key
    client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
    page = client.get("/acme/keys/").content.decode()
    assert key.masked in page
    assert "Revoke" not in page
    for path in ("new/", f"{key.id}/", f"{key.id}/rotate/", f"{key.id}/revoke/"):
        assert client.post(f"/acme/keys/{path}", NEW).status_code == 403
    with tenant_context(alice.tenant.id):
        assert list(ApiKey.objects.values_list("revoked_at", flat=True)) == [None]


def test_an_unknown_key_is_404(alice: Person) -> None:
    assert signed_in(alice).get(f"/acme/keys/{uuid.uuid4()}/").status_code == 404
