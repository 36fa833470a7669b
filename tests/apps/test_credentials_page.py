"""The page where a tenant's people look after its keys and servers."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential
from apps.credentials.selectors import credential_list, provider_list, providers_of
from apps.credentials.services import credential_set, provider_put
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db

PAGE = "/acme/providers/"
KEY = "gsk-very-secret-0001"
SERVER = {"slug": "mine", "dialect": "openai", "base_url": "https://1.1.1.1/v1", "key": KEY}


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def shown(client: Client) -> str:
    return client.get(PAGE).content.decode()


def test_it_works(bob: Person) -> None:
    client = signed_in(bob)
    assert PAGE in client.get("/acme/").content.decode()
    assert client.post(f"{PAGE}keys/", {"provider": "groq", "key": KEY, "label": "Phones"}).status_code == 302
    assert client.post(f"{PAGE}servers/", SERVER).status_code == 302
    page = shown(client)
    for text in ("groq", "…0001", "Phones", "mine", "https://1.1.1.1/v1", "not checked yet"):
        assert text in page
    assert KEY not in page
    assert set(providers_of(bob.tenant.id)) == {"groq", "mine"}
    with tenant_context(bob.tenant.id):
        assert ProviderCredential.objects.get().created_by == bob.membership


def test_what_is_refused_is_said_and_the_key_is_not_shown_again(alice: Person) -> None:
    client = signed_in(alice)
    for path, fields, said in (
        ("keys/", {"provider": "groq", "key": KEY, "base_url": "https://1.1.1.1"}, "The address of groq is known"),
        ("keys/", {"provider": "groq", "key": f"{KEY} {KEY}"}, "A key is one word"),
        ("servers/", SERVER | {"base_url": "https://10.0.0.5/v1"}, "OUTBOUND_ALLOW"),
        ("servers/", SERVER | {"slug": "groq"}, "is taken"),
        ("servers/", SERVER | {"slug": "Not A Slug"}, "lower-case letters"),
    ):  # fmt: skip
        response = client.post(PAGE + path, fields)
        assert response.status_code == 422
        assert said in response.content.decode()
        assert KEY not in response.content.decode()
    assert providers_of(alice.tenant.id) == {}


def test_a_check_is_shown(alice: Person, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)
    with tenant_context(alice.tenant.id):
        row = provider_put(slug="mine", dialect="openai", base_url="http://127.0.0.1:9/v1", key=KEY)
    client = signed_in(alice)
    assert client.post(f"{PAGE}{row.id}/check/").status_code == 302
    assert "127.0.0.1 can&#x27;t be reached" in shown(client)


def test_what_cannot_be_checked_is_said(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        row = credential_set(provider="nvidia", key=KEY)
    page = signed_in(alice).post(f"{PAGE}{row.id}/check/", follow=True).content.decode()
    assert "There is no free request" in page


def test_what_is_deleted_is_gone(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        rows = [credential_set(provider="groq", key=KEY), provider_put(**SERVER)]
    client = signed_in(alice)
    for row in rows:
        assert client.post(f"{PAGE}{row.id}/delete/").status_code == 302
        assert client.post(f"{PAGE}{row.id}/delete/").status_code == 404
    assert providers_of(alice.tenant.id) == {}


def test_a_viewer_sees_and_changes_nothing(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        row = credential_set(provider="groq", key=KEY)
    client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
    page = shown(client)
    assert "groq" in page
    assert "Check now" not in page
    for path in ("keys/", "servers/", f"{row.id}/check/", f"{row.id}/delete/"):
        assert client.post(PAGE + path).status_code == 403
    with tenant_context(alice.tenant.id):
        assert (credential_list().count(), provider_list().count()) == (1, 0)


def test_another_tenants_page_is_not_there(alice: Person, mallory: Person) -> None:
    assert signed_in(mallory).get(PAGE).status_code == 404
