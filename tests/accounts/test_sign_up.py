"""From a stranger to a person with a verified address."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from tests.accounts.walking import code_in_mail, last_mail, sign_in, sign_up
from tests.cast import PASSWORD, Person

pytestmark = pytest.mark.django_db


def test_who_signs_up_enters_the_code_from_the_mail_and_is_in() -> None:
    client = Client()
    sign_up(client, "Carol@Example.com", "Carol")
    assert client.get("/dashboard/").status_code == 302
    response = client.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert response.status_code == 302
    assert response["location"] == "/dashboard/"
    user = User.objects.get()
    assert (user.email, user.name) == ("carol@example.com", "Carol")
    assert client.get("/accounts/").status_code == 200
    assert EmailAddress.objects.get().verified


def test_without_the_code_nobody_gets_in() -> None:
    sign_up(Client(), "carol@example.com")
    client = Client()
    sign_in(client, "carol@example.com")
    assert client.get("/dashboard/")["location"].startswith("/accounts/login/")


def test_a_wrong_code_is_refused_with_a_sentence() -> None:
    client = Client()
    sign_up(client, "carol@example.com")
    page = client.post("/accounts/confirm-email/", {"code": "AAA-BBB"}).content.decode()
    assert "not right" in page
    assert not EmailAddress.objects.get().verified


def test_an_address_that_is_taken_looks_like_any_other(alice: Person) -> None:
    client = Client()
    sign_up(client, alice.user.email)
    assert "Verify your address" in client.get("/accounts/confirm-email/").content.decode()
    assert "account with alice@example.com, but one exists" in last_mail()
    assert User.objects.count() == 1


def test_a_weak_password_is_refused_and_the_rest_is_kept() -> None:
    page = Client().post(
        "/accounts/signup/", {"email": "carol@example.com", "name": "Carol", "password1": "password"}
    )
    assert "too common" in page.content.decode()
    assert "carol@example.com" in page.content.decode()
    assert not User.objects.exists()


def test_sign_up_can_be_closed(settings: Settings) -> None:
    settings.SIGN_UP = "invited"
    client = Client()
    assert "by invitation" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", {"email": "carol@example.com", "name": "Carol", "password1": PASSWORD})
    assert not User.objects.exists()
    assert mail.outbox == []
