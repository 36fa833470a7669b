import uuid

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from antiphon.config import serve
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
    assert client_of_alice.get(f"/v1/models/{first['id']}").json() == first


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


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions"])
def test_an_unknown_path_is_404_in_the_apis_shape(path: str) -> None:
    response = Client().post(path)
    assert response.status_code == 404
    assert response.json()["error"]["message"] == f"Invalid URL (POST {path})"


def test_a_wrong_method_is_405(client_of_alice: Client) -> None:
    assert client_of_alice.delete("/v1/models").status_code == 405


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
    assert response["access-control-expose-headers"] == "Location, x-request-id"


def test_a_preflight_allows_the_headers_that_clients_send_and_no_others() -> None:
    response = Client().options(
        "/v1/models",
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization, x-stainless-os, x-openai-agents-sdk, cookie",
        },
    )
    assert response.status_code == 204
    assert response["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert response["access-control-allow-headers"] == "authorization, x-stainless-os, x-openai-agents-sdk"


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
