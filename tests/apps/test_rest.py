import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from antiphon.config import serve
from apps.api.body import MAX_BYTES, limit_body
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client_of_alice(alice: Person) -> Client:
    return Client(headers={"authorization": f"Bearer {alice.make_key().text}"})


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/"])
def test_it_works(client_of_alice: Client, path: str) -> None:
    response = client_of_alice.get(path)
    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "list"
    assert {"id": "local/dialogue", "object": "model", "created": 0, "owned_by": "local"} in body["data"]


def test_one_model_is_found_by_its_id_with_a_slash(client_of_alice: Client) -> None:
    first = client_of_alice.get("/v1/models").json()["data"][0]
    for name in (first["id"], first["id"].replace("/", "%2F"), first["id"] + "/"):
        assert client_of_alice.get(f"/v1/models/{name}").json() == first


def test_the_key_may_come_the_way_azures_clients_send_it(alice: Person) -> None:
    assert Client(headers={"api-key": alice.make_key().text}).get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer "}, {"authorization": "Bearer sk-wrong"}, {"authorization": "Basic abc"}],
    ids=str,
)
def test_a_missing_or_wrong_key_is_401(headers: dict[str, str]) -> None:
    response = Client(headers=headers).get("/v1/models")
    assert response.status_code == 401
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")


def test_a_key_without_the_scope_is_403(alice: Person) -> None:
    key = alice.make_key(scopes=["realtime"]).text
    response = Client(headers={"authorization": f"Bearer {key}"}).get("/v1/models")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "insufficient_scope"


def test_an_unknown_model_is_404(client_of_alice: Client) -> None:
    response = client_of_alice.get("/v1/models/nobody/nothing")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions", "/realtime/nothing", "/v1/realtime"])
def test_an_unknown_path_is_404_in_the_apis_shape(path: str) -> None:
    response = Client().post(path)
    assert response.status_code == 404
    assert response.json()["error"]["message"] == f"Invalid URL (POST {path})"
    assert response["access-control-allow-origin"] == "*"
    assert response["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/v1/models", "GET, HEAD"), ("GET", "/v1/realtime/client_secrets", "POST")],
)
def test_a_wrong_method_is_405(client_of_alice: Client, method: str, path: str, allowed: str) -> None:
    response = client_of_alice.generic(method, path)
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert response["allow"] == allowed


def test_a_head_is_answered_as_a_get(client_of_alice: Client) -> None:
    assert client_of_alice.head("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{'session': {}}", "(byte 1)"),
        (b'{"session": {', "truncated"),
        (b'{"session": {"instructions": "\xff"}}', "utf-8"),
        (b'{"session":' * 20_000, "recursion"),
    ],
    ids=["quotes", "truncated", "encoding", "nesting"],
)
def test_a_body_that_is_no_json_is_400_and_says_where(
    client_of_alice: Client, body: bytes, where: str
) -> None:
    response = client_of_alice.post("/v1/realtime/client_secrets", body, content_type="application/json")
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid_json"
    assert where in error["message"]


def test_a_form_is_415(client_of_alice: Client) -> None:
    response = client_of_alice.post("/v1/realtime/client_secrets", {"session": "{}"})
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"


def test_a_body_of_more_than_a_mebibyte_is_413(client_of_alice: Client) -> None:
    body = b'{"session": {"instructions": "' + b"a" * (1 << 20) + b'"}}'
    response = client_of_alice.post("/v1/realtime/client_secrets", body, content_type="application/json")
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


async def test_what_a_body_has_beyond_the_limit_never_reaches_django() -> None:
    read = 0

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        message = await receive()
        while message["type"] == "http.request":
            read += len(message["body"])
            message = await receive() if message["more_body"] else {"type": "complete"}
        assert (await receive())["type"] == "http.disconnect"

    sent = [{"type": "http.request", "body": bytes(65_536), "more_body": True} for _ in range(40)]
    messages = iter([*sent, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    await limit_body(application)({"type": "http", "path": "/v1/realtime/client_secrets"}, receive, None)
    assert read == MAX_BYTES + 1


def test_an_error_that_django_answers_itself_has_the_apis_shape(
    client_of_alice: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    response = client_of_alice.get("/v1/models")
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "The request was refused: Bad Request."


def test_a_failure_outside_an_operation_is_500_in_the_apis_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: object) -> None:
        raise ZeroDivisionError("a detail that stays inside")

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", fail)
    response = Client(raise_request_exception=False).get("/v1/models")
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    assert b"detail" not in response.content


def test_a_failure_of_ours_is_500_in_the_apis_shape(
    client_of_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(grant: object) -> None:
        raise ZeroDivisionError("a detail that stays inside")

    monkeypatch.setattr("apps.api.views.model_list", fail)
    response = client_of_alice.get("/v1/models")
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    assert b"detail" not in response.content


def test_every_response_has_a_request_id_of_its_own() -> None:
    ids = {Client().get(path)["x-request-id"] for path in ("/", "/healthz", "/v1/models", "/nothing")}
    assert len(ids) == 4
    assert all(uuid.UUID(text.removeprefix("req_")) for text in ids)


def test_a_browser_of_any_origin_may_call_the_api() -> None:
    response = Client(headers={"origin": "https://app.example"}).get("/v1/models")
    assert response["access-control-allow-origin"] == "*"
    exposed = response["access-control-expose-headers"].split(", ")
    assert {"Location", "x-request-id", "x-ratelimit-remaining-requests"} <= set(exposed)


@pytest.mark.parametrize("path", ["/v1/models", "/realtime/client_secrets", "/v1/realtime/calls"])
def test_a_preflight_allows_the_headers_that_clients_send_and_no_others(path: str) -> None:
    response = Client().options(
        path,
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": (
                "authorization, user-agent, x-stainless-os, x-openai-agents-sdk, cookie"
            ),
        },
    )
    assert response.status_code == 204
    assert response["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    assert response["access-control-allow-headers"] == (
        "authorization, user-agent, x-stainless-os, x-openai-agents-sdk"
    )


def test_pages_are_not_shared_with_other_origins() -> None:
    assert "access-control-allow-origin" not in Client(headers={"origin": "https://app.example"}).get(
        "/healthz"
    )


def test_a_process_that_answers_is_healthy() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
class TestReadiness:
    def test_it_works(self, redis_url: str) -> None:
        response = Client().get("/readyz")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_a_missing_valkey_is_named(self, settings: Settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1"
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert response.json()["failing"] == ["valkey"]

    def test_missing_migrations_are_named(self, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.core.health._migrated", False)
        monkeypatch.setattr(
            "apps.core.health.MigrationExecutor.migration_plan",
            lambda executor, targets: [("missing", False)],
        )
        assert Client().get("/readyz").json()["failing"] == ["migrations"]

    def test_a_process_that_drains_is_not_ready(
        self, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serve, "_draining", True)
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert response.json()["failing"] == ["draining"]
