import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.core.tenancy import tenant_context
from tests.cast import PASSWORD, Person

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


def test_forms_need_their_csrf_token(alice: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    assert client.post("/acme/keys/new/", {"name": "x", "scopes": ["realtime"]}).status_code == 403


def test_a_former_member_gets_404(alice: Person, bob: Person) -> None:
    client = signed_in(bob)
    with tenant_context(alice.tenant.id):
        bob.membership.delete()
    assert client.get("/acme/").status_code == 404
