"""Each tenant's own endpoint, by path and by host: through the ASGI application, whole."""

import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from apps.keys.models import Scope
from apps.tenants.endpoints import endpoint_urls, slug_of_host
from apps.tenants.slugs import check_slug
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True)

DOMAIN = "voice.example.com"


@pytest.fixture(autouse=True)
def domain(settings: Settings) -> None:
    settings.TENANT_DOMAIN, settings.PUBLIC_URL = DOMAIN, "https://www.example.com"


@pytest.fixture
def key(alice: Person) -> str:
    return alice.make_key().text


async def ask(
    path: str, key: str | None = None, *, host: str = "www.example.com", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], Any]:
    from antiphon.config.asgi import application

    if key:
        headers["authorization"] = f"Bearer {key}"
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", host.encode()), *((k.encode(), v.encode()) for k, v in headers.items())],
        "client": ("203.0.113.9", 5000),
    }
    asgi = ApplicationCommunicator(application, scope)
    await asgi.send_input({"type": "http.request", "body": b""})
    start = await asgi.receive_output(20)
    body = b""
    while (message := await asgi.receive_output(20)).get("more_body"):
        body += message["body"]
    body += message.get("body", b"")
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], told, json.loads(body) if "json" in told.get("content-type", "") else body


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/local/dialogue"])
async def test_it_works_below_the_tenants_name(key: str, path: str) -> None:
    assert (await ask(f"/t/acme{path}", key))[0] == 200


async def test_it_works_on_the_tenants_host(key: str) -> None:
    for host in (f"acme.{DOMAIN}", f"ACME.{DOMAIN}:8443"):
        assert (await ask("/v1/models", key, host=host))[0] == 200


@pytest.mark.parametrize("slug", ["mallory-inc", "nobody-at-all"])
async def test_the_key_of_another_tenant_is_refused(slug: str, key: str, mallory: Person) -> None:
    for path, host in ((f"/t/{slug}/v1/models", "www.example.com"), ("/v1/models", f"{slug}.{DOMAIN}")):
        status, _, body = await ask(path, key, host=host)
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        assert "another workspace" in body["error"]["message"]
        assert "mallory" not in body["error"]["message"].lower()
        assert "acme" not in body["error"]["message"].lower()


async def test_a_wrong_key_learns_nothing_of_the_workspace() -> None:
    statuses = {
        (await ask(f"/t/{slug}/v1/models", "sk_wrong"))[2]["error"]["message"] for slug in ("acme", "x")
    }
    assert len(statuses) == 1


@pytest.mark.parametrize("path", ["/v1/realtime", "/realtime", "/api/v1/realtime/session"])
@pytest.mark.parametrize(("slug", "code"), [("acme", "missing_model"), ("mallory-inc", "invalid_api_key")])
async def test_sockets_are_hosted_too(path: str, slug: str, code: str, key: str, mallory: Person) -> None:
    from antiphon.config.asgi import application

    query = "?model=nobody/nothing" if "session" in path else ""
    code = "invalid_model" if query and code == "missing_model" else code
    headers = [(b"authorization", f"Bearer {key}".encode())]
    for address, host in ((f"/t/{slug}{path}", b"www.example.com"), (path, f"{slug}.{DOMAIN}".encode())):
        socket = WebsocketCommunicator(application, address + query, headers=[*headers, (b"host", host)])
        assert (await socket.connect(20))[0]
        assert json.loads(await socket.receive_from(20))["error"]["code"] == code
        await socket.disconnect()


async def test_a_client_secret_of_another_tenant_is_refused(key: str, mallory: Person) -> None:
    status, _, body = await ask("/t/acme/v1/realtime/client_secrets", key, method="POST")
    assert status == 200
    from antiphon.config.asgi import application

    headers = [(b"authorization", f"Bearer {body['value']}".encode())]
    socket = WebsocketCommunicator(application, "/t/mallory-inc/v1/realtime", headers=headers)
    assert (await socket.connect(20))[0]
    assert "another workspace" in json.loads(await socket.receive_from(20))["error"]["message"]
    await socket.disconnect()


async def test_pages_of_any_origin_may_call_it(key: str) -> None:
    status, headers, _ = await ask(
        "/t/acme/v1/models",
        method="OPTIONS",
        origin="https://app.example.com",
        **{"access-control-request-method": "GET", "access-control-request-headers": "authorization"},
    )
    assert (status, headers["access-control-allow-headers"]) == (204, "authorization")
    _, headers, _ = await ask("/t/acme/v1/models", key)
    assert headers["access-control-allow-origin"] == "*"


async def test_an_unknown_path_is_404_in_the_apis_shape(key: str) -> None:
    status, _, body = await ask("/t/acme/v1/nothing", key)
    assert (status, body["error"]["code"]) == (404, "unknown_url")


async def test_what_is_no_part_of_the_api_is_not_below_a_tenants_name() -> None:
    for path in ("/t/acme/staff/", "/t/acme", "/t/ACME/v1/models", "/t/"):
        assert (await ask(path))[0] in (302, 404)


async def test_pages_on_a_tenants_host_lead_to_the_platforms(settings: Settings) -> None:
    host = f"acme.{DOMAIN}:8443"
    status, headers, _ = await ask("/acme/keys/?x=1", host=host)
    assert (status, headers["location"]) == (302, "https://www.example.com/acme/keys/?x=1")
    settings.PUBLIC_URL = ""
    assert (await ask("/", host=host))[1]["location"] == f"http://{DOMAIN}:8443/"


async def test_the_key_may_be_bound_to_addresses_and_origins(alice: Person) -> None:
    make = database_sync_to_async(alice.make_key)
    bound = await make(
        allowed_addresses=["203.0.113.0/24"], allowed_origins=["https://a.example"], scopes=[Scope.MODELS]
    )
    elsewhere = await make(allowed_addresses=["198.51.100.0/24"])
    assert (await ask("/v1/models", bound.text))[0] == 200
    assert (await ask("/v1/models", bound.text, origin="https://a.example"))[0] == 200
    assert (await ask("/v1/models", bound.text, origin="https://b.example"))[0] == 401
    assert (await ask("/v1/models", elsewhere.text))[0] == 401


async def test_behind_a_trusted_proxy_the_address_is_the_one_it_saw(
    alice: Person, settings: Settings
) -> None:
    bound = await database_sync_to_async(alice.make_key)(allowed_addresses=["198.51.100.7"])
    seen = {"x-forwarded-for": "203.0.113.1, 198.51.100.7"}
    assert (await ask("/v1/models", bound.text, **seen))[0] == 401
    settings.TRUSTED_PROXIES = 1
    assert (await ask("/v1/models", bound.text, **seen))[0] == 200


def test_reserved_names_and_the_platforms_own_host_are_no_tenants(settings: Settings) -> None:
    settings.PUBLIC_URL = f"https://start.{DOMAIN}"
    assert slug_of_host(f"acme.{DOMAIN}.") == "acme"
    for host in (f"www.{DOMAIN}", f"start.{DOMAIN}", DOMAIN, f"a.b.{DOMAIN}", f"acme.{DOMAIN}.evil", ""):
        assert slug_of_host(host) is None
    settings.TENANT_DOMAIN = ""
    assert slug_of_host(f"acme.{DOMAIN}") is None


def test_no_tenant_is_called_like_the_prefix() -> None:
    with pytest.raises(ValidationError):
        check_slug("t")


def test_pages_show_the_addresses(settings: Settings) -> None:
    urls = endpoint_urls("acme", RequestFactory().get("/acme/"))
    assert urls.base == "https://www.example.com/t/acme/v1"
    assert urls.own_host == f"https://acme.{DOMAIN}/v1"
    assert urls.websocket == "wss://www.example.com/t/acme/v1/realtime"
    assert urls.inworld == "wss://www.example.com/t/acme/api/v1/realtime/session"
    settings.PUBLIC_URL = settings.TENANT_DOMAIN = ""
    urls = endpoint_urls("acme", RequestFactory().get("/acme/", headers={"host": "localhost:8000"}))
    assert (urls.base, urls.own_host) == ("http://localhost:8000/t/acme/v1", None)
