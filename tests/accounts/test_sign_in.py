"""In, out, and what is refused."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.accounts.selectors import users_with_second_factor
from apps.credentials.rotation import Rotation, secrets_rotate
from tests.accounts.walking import sign_in
from tests.cast import PASSWORD, Person

pytestmark = pytest.mark.django_db


def test_signing_in_leads_to_ones_tenant_and_out_again(alice: Person) -> None:
    client = Client()
    response = client.post(
        "/accounts/login/", {"login": "ALICE@example.com", "password": PASSWORD}, follow=True
    )
    assert response.redirect_chain[-1][0] == "/acme/"
    assert "Acme" in response.content.decode()
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/acme/").status_code == 302


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_refusal_does_not_tell_who_has_an_account(alice: Person, email: str) -> None:
    page = sign_in(Client(), email, "wrong").content.decode()
    assert "This address and password don&#x27;t fit together" in page
    assert email in page


def test_signing_in_does_not_redirect_to_another_site(alice: Person) -> None:
    credentials = {"login": alice.user.email, "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/accounts/login/", credentials)["location"] == "/dashboard/"


def test_many_wrong_passwords_lock_the_address_for_a_while(
    alice: Person, redis_url: str, settings: Settings
) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": redis_url, "KEY_PREFIX": "throttling"}}
    client = Client()
    for _ in range(5):
        sign_in(client, alice.user.email, "wrong")
    page = sign_in(client, alice.user.email, PASSWORD).content.decode()
    assert "Too many attempts" in page
    assert client.get("/acme/").status_code == 302


def test_a_forgotten_password_is_replaced_by_a_mailed_link(alice: Person) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": alice.user.email})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    form = client.get(link[1], follow=True)
    new = "another fine password"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    client.logout()
    sign_in(client, alice.user.email, new)
    assert client.get("/acme/").status_code == 200


def test_an_unknown_address_gets_the_same_page_and_another_mail(db: None) -> None:
    response = Client().post("/accounts/password/reset/", {"email": "nobody@example.com"}, follow=True)
    assert "Look into your mail" in response.content.decode()
    assert "no account has this address" in str(mail.outbox[-1].body)


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_with_an_authenticator_app_the_password_is_not_enough(alice: Person) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice.user, secret)
    client = Client()
    assert sign_in(client, alice.user.email)["location"] == "/accounts/2fa/authenticate/"
    assert client.get("/acme/").status_code == 302
    assert "not right" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    client.post("/accounts/2fa/authenticate/", {"code": code_for(secret)})
    assert client.get("/acme/").status_code == 200
    assert users_with_second_factor([alice.user.pk]) == {alice.user.pk}


@pytest.mark.django_db(databases=["default", "across"])
def test_what_codes_are_made_from_is_kept_encrypted_also_under_a_new_master_key(
    alice: Person, settings: Settings
) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice.user, secret)
    RecoveryCodes.activate(alice.user)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes()
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))

    settings.ENCRYPTION_KEYS = {**settings.ENCRYPTION_KEYS, 2: bytes([2] * 32)}
    assert secrets_rotate() == Rotation(done=2, problems=())
    settings.ENCRYPTION_KEYS = {2: bytes([2] * 32)}
    assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code_for(secret))
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes() == codes

    settings.ENCRYPTION_KEYS = {3: bytes([3] * 32)}
    rotation = secrets_rotate()
    assert rotation.done == 0
    assert "The second factor of alice@example.com" in rotation.problems[0]


def test_a_session_elsewhere_can_be_ended(alice: Person, mallory: Person) -> None:
    here, elsewhere, stranger = Client(), Client(headers={"user-agent": "Old telephone"}), Client()
    for client in (here, elsewhere):
        sign_in(client, alice.user.email)
    sign_in(stranger, mallory.user.email)
    page = here.get("/accounts/sessions/").content.decode()
    assert "Old telephone" in page
    ending = re.search(r"/accounts/sessions/\d+/end/", page)
    assert ending is not None
    assert stranger.post(ending[0]).status_code == 404
    here.post(ending[0])
    assert elsewhere.get("/acme/").status_code == 302
    assert here.get("/acme/").status_code == 200


def test_the_operator_vouches_for_a_superusers_address(db: None) -> None:
    User.objects.create_superuser("root@example.com", PASSWORD)
    client = Client()
    sign_in(client, "root@example.com")
    assert client.get("/accounts/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "",
        "email/",
        "password/change/",
        "2fa/",
        "2fa/totp/activate/",
        "2fa/webauthn/add/",
        "sessions/",
        "3rdparty/",
    ],
)
def test_pages_of_the_account_open(alice: Person, path: str) -> None:
    client = Client()
    sign_in(client, alice.user.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(f"/accounts/{path}").status_code == 200
    assert Client().get(f"/accounts/{path}").status_code == 302


def test_what_protects_the_account_is_changed_after_the_password_was_given_again(alice: Person) -> None:
    client = Client()
    sign_in(client, alice.user.email)
    for path in ("2fa/totp/activate/", "2fa/webauthn/add/"):
        response = client.get(f"/accounts/{path}")
        assert response["location"].startswith("/accounts/reauthenticate/")
    assert "Is it you?" in client.get("/accounts/reauthenticate/").content.decode()


@pytest.mark.parametrize(
    "path", ["login/", "signup/", "password/reset/", "password/reset/done/", "3rdparty/login/cancelled/"]
)
def test_pages_for_strangers_open(db: None, path: str) -> None:
    assert Client().get(f"/accounts/{path}").status_code == 200
