"""Steps that many tests take."""

import re

from django.core import mail
from django.test import Client

from tests.cast import PASSWORD


def last_mail() -> str:
    return str(mail.outbox[-1].body)


def code_in_mail() -> str:
    found = re.search(r"^([A-Z0-9]+-[A-Z0-9]+)$", last_mail(), re.MULTILINE)
    assert found, last_mail()
    return found[1]


def sign_up(client: Client, email: str, name: str = "Carol") -> None:
    """As far as the page that asks for the code."""
    response = client.post("/accounts/signup/", {"email": email, "name": name, "password1": PASSWORD})
    assert response.status_code == 302, response.content.decode()


def sign_in(client: Client, email: str, password: str = PASSWORD) -> object:
    return client.post("/accounts/login/", {"login": email, "password": password})
