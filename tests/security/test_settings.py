"""What follows from the addresses that the operator gives."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from antiphon.config.env import PROJECT
from antiphon.config.settings.mail import mail_settings

_NAMES = (
    "ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SECURE_HSTS_SECONDS "
    "SECURE_PROXY_SSL_HEADER CONTENT_SECURITY_POLICY MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN SOCIALACCOUNT_PROVIDERS"
)
_PRINT = (
    "import json; from antiphon.config.settings import base;"
    f"print(json.dumps({{name: getattr(base, name) for name in {_NAMES.split()!r}}}, default=repr))"
)


def settings_with(**variables: str) -> dict[str, Any]:
    """In a process of their own, as they are read once."""
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT / 'platform'}:{PROJECT}", **variables}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_over_https_cookies_are_secure_and_browsers_remember_it() -> None:
    found = settings_with(
        PUBLIC_URL="https://voice.example.com", TENANT_DOMAIN="voice.example.com", TRUSTED_PROXIES="1"
    )
    assert {"voice.example.com", ".voice.example.com"} <= set(found["ALLOWED_HOSTS"])
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://voice.example.com"]
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert not found["MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"]
    connect = found["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["connect-src"]
    assert {"wss://voice.example.com", "wss://*.voice.example.com"} <= set(connect)


def test_on_ones_own_machine_plain_http_works_and_no_proxy_is_believed() -> None:
    found = settings_with()
    assert not found["SESSION_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] == 0
    assert found["SECURE_PROXY_SSL_HEADER"] is None


def test_a_provider_by_which_people_sign_in_is_set_up_and_forms_may_lead_there() -> None:
    provider = {
        "id": "corp",
        "name": "Corp",
        "server_url": "https://id.example.com/realms/a",
        "client_id": "x",
        "secret": "y",
    }
    found = settings_with(OIDC_PROVIDERS=json.dumps([provider]))
    app = found["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"][0]
    assert app["provider_id"] == "corp"
    assert app["settings"] == {"server_url": "https://id.example.com/realms/a"}
    assert "https://id.example.com" in found["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["form-action"]


def test_providers_that_can_not_be_read_end_the_start_with_a_sentence_and_no_secret() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        settings_with(OIDC_PROVIDERS='[{"id": "corp", "secret": "hidden-thing"}]')
    assert "OIDC_PROVIDERS must be a JSON list" in raised.value.stderr
    assert "hidden-thing" not in raised.value.stderr


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "tls", "ssl"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, "", "", True, False),
        (
            "smtp://a%40b:p%2Fw@mail.example.com:25?tls=off",
            "mail.example.com",
            25,
            "a@b",
            "p/w",
            False,
            False,
        ),
        ("smtps://a:b@mail.example.com", "mail.example.com", 465, "a", "b", False, True),
    ],
)
def test_mail_goes_where_its_url_says(
    url: str, host: str, port: int, user: str, password: str, tls: bool, ssl: bool
) -> None:
    found = mail_settings(url)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (user, password)
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)


def test_without_an_url_mail_is_printed() -> None:
    assert mail_settings(None)["EMAIL_BACKEND"].endswith("console.EmailBackend")
