"""What every page tells the browser, and that it keeps to it: no inline script, handler or style."""

from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.accounts.walking import sign_in
from tests.cast import PASSWORD, Person
from tests.tenancy.test_urls_hide_other_tenants import arguments_of
from tests.tenancy.test_who_may_open_what import EXPECTED, ROUTES
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "media-src": "'self' blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
PUBLIC = [
    "/",
    "/models",
    "/nothing/at/all",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
]
PERSONAL = [
    "/dashboard/new/",
    "/dashboard/switcher/",
    "/accounts/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/sessions/",
    "/accounts/3rdparty/",
    "/accounts/reauthenticate/",
]


class Inline(HTMLParser):
    """Collects what a strict policy blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_code = tag == "script" and given.get("type") not in ("application/json", "importmap")
        if tag == "style" or (is_code and "src" not in given and "nonce" not in given):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        self.found += [value for value in given.values() if value and value.startswith("javascript:")]


def directives(response: HttpResponse) -> dict[str, str]:
    policy = response["content-security-policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


def check(response: HttpResponse) -> None:
    assert directives(response) == POLICY
    assert "microphone=(self)" in response["permissions-policy"]
    assert "camera=()" in response["permissions-policy"]
    assert response["x-content-type-options"] == "nosniff"
    assert response["x-frame-options"] == "DENY"
    assert response["referrer-policy"] == "same-origin"
    page = Inline()
    page.feed(response.content.decode())
    assert page.found == []


@pytest.mark.parametrize("path", PUBLIC)
def test_pages_for_everybody(path: str, redis_url: str) -> None:
    check(Client().get(path, headers={"accept": "text/html"}))


@pytest.mark.parametrize("path", PERSONAL)
def test_pages_of_a_person(path: str, alice: Person) -> None:
    client = Client()
    sign_in(client, alice.user.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    response = client.get(path)
    assert response.status_code == 200
    check(response)


@pytest.mark.parametrize("name", [name for name, methods in EXPECTED.items() if "GET" in methods])
def test_pages_of_a_tenant(name: str, alice: Person) -> None:
    arguments = {key: value for key, value in arguments_of(alice).items() if key in ROUTES[name]}
    response = signed_in(alice).get(reverse(name, kwargs=arguments))
    assert response.status_code < 500
    if "text/html" in response["content-type"]:
        check(response)


def test_a_page_that_is_refused(alice: Person) -> None:
    check(signed_in(alice).get("/nobodys-tenant/"))


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(alice: Person) -> None:
    client = Client()
    sign_in(client, alice.user.email)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_forms_need_their_token(alice: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    assert client.post("/acme/settings/delete/", {"confirmation": "acme"}).status_code == 403
    assert client.post("/accounts/login/", {"login": "x@example.com", "password": "x"}).status_code == 403
