"""What holds for each operation of the management API, as its schema lists them."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from apps.api.v1.schema import described
from apps.keys.models import Scope
from tests.api.clients import client_of
from tests.api.things import make_things
from tests.cast import Person, owner_of

pytestmark = pytest.mark.django_db

Lasting = Callable[[], AbstractContextManager[None]]

BACK = {"success_url": "https://example.com/", "cancel_url": "https://example.com/"}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "keys_create": {"name": "x", "scopes": ["models"]},
    "keys_rotate": {"overlap_hours": 1},
    "provider_credentials_set": {"key": "another-key"},
    "servers_put": {"dialect": "openai", "base_url": "https://models.example.com/v1"},
    "routers_put": {"definition": {"kind": "speech_to_text", "models": ["local/test"]}},
    "agents_create": {"slug": "new", "name": "New"},
    "agents_update": {"name": "New", "tags": []},
    "agents_save_draft": {"spec": {}, "revision": 1},
    "agents_split_traffic": {"weights": {"1": 1}},
    "tools_create": {"slug": "new", "kind": "client"},
    "invitations_create": {"email": "dora@example.com", "role": "viewer"},
    "limit_requests_create": {"limit": "sessions", "wanted": 100, "reason": "A campaign."},
    "customers_create": {"external_id": "new", "name": "New"},
    "customers_update": {"name": "New"},
    "customer_markups_set": {"markup_bp": 100},
    "statements_issue": {"month": "2026-07"},
    "budgets_create": {"amount_micro": 50_000_000},
    "top_ups_create": {"amount_micro": 5_000_000, **BACK},
    "subscription_put": {"plan": "pro", **BACK},
    "budgets_update": {"amount_micro": 60_000_000},
    "webhooks_create": {"url": "https://hooks.example.com/in"},
    "webhooks_test": {"type": "session.ended"},
    "members_set_role": {"role": "developer"},
    "erasures_create": {"identifier": "user-4711"},
    "reports_create": {"kind": "cost", "first": "2026-06-01", "last": "2026-06-30"},
    "report_schedules_create": {"kind": "cost", "name": "Weekly"},
}
"""Right ones, of those that need more than {}."""
MAKES_ITS_OWN = {
    "provider_credentials_set",
    "servers_put",
    "routers_put",
}  # under a name that others may have, too
NAMES = {
    name: uuid.UUID(int=1)
    if name.endswith("_id") and name not in ("session_id", "external_id")
    else 1
    if name == "number"
    else "x"
    for name in (
        "slug",
        "name",
        "provider",
        "session_id",
        "number",
        "member_id",
        "invitation_id",
        "key_id",
        "external_id",
        "month",
        "budget_id",
        "invoice_id",
        "endpoint_id",
        "delivery_id",
        "erasure_id",
        "export_id",
        "report_id",
        "schedule_id",
    )
}
"""For a path, where nothing need be there."""
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in described()["paths"].items()
    for method, operation in methods.items()
    if operation["security"]
}


LISTS = [name for name, (method, path, _) in OPERATIONS.items() if method == "get" and "{" not in path]


@dataclass(frozen=True)
class Furnished:
    """Somebody whose tenant has one of everything."""

    person: Person
    things: Mapping[str, object]


@pytest.fixture(scope="module")
def carol(lasting: Lasting) -> Furnished:
    with lasting():
        person = owner_of("furnished", "carol")
        return Furnished(person, make_things(person))


@pytest.fixture(scope="module")
def mallory(lasting: Lasting) -> Furnished:
    with lasting():
        person = owner_of("mallory-inc", "mallory")
        return Furnished(person, make_things(person))


def call(client: Client, name: str, things: Mapping[str, object], body: Any = None) -> HttpResponse:
    method, path, operation = OPERATIONS[name]
    url = path.format(**things)
    if "requestBody" not in operation:
        return getattr(client, method)(url)
    body = BODIES.get(name, {}) if body is None else body
    return getattr(client, method)(url, body, content_type="application/json")


def problem_of(response: HttpResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id", "errors"}
    assert (problem["status"], problem["request_id"]) == (status, response["x-request-id"])
    return problem


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_works_for_who_has_its_scope_and_that_alone(name: str, carol: Furnished) -> None:
    things = dict(carol.things)
    [scope] = OPERATIONS[name][2]["security"][0]["ApiKey"]
    # A key hands on nothing that it may not do itself.
    own = {"keys_create": {"scopes": ["keys.write"]}, "keys_rotate": {}}.get(name, {})
    if name == "keys_rotate":
        things["key_id"] = carol.person.make_key(scopes=["keys.write"]).key.id
    response = call(client_of(carol.person, scope), name, things, {**BODIES.get(name, {}), **own})
    refused = {"sessions_end", "sessions_delete", "servers_check", "provider_credentials_check"}
    refused |= {"subscription_cancel", "subscription_resume", "reports_cancel", "reports_retry"}
    refused |= {"erasures_retry", "exports_cancel"}
    if (
        name in refused
    ):  # nobody runs the session, no vendor is there, nothing is subscribed, a report is made
        assert response.status_code in (200, 204, 422), response.content
    else:
        assert response.status_code in map(int, OPERATIONS[name][2]["responses"])
        assert response.status_code < 300, response.content


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_key_without_the_scope_is_refused(name: str, alice: Person) -> None:
    [needed] = OPERATIONS[name][2]["security"][0]["ApiKey"]
    others = [scope for scope in Scope.values if scope != needed]
    problem = problem_of(call(client_of(alice, *others), name, NAMES), 403)
    assert problem["code"] == "insufficient_scope"
    assert needed in problem["detail"]


@pytest.mark.parametrize("name", [name for name, (_, path, _) in OPERATIONS.items() if "{" in path])
def test_what_another_tenant_has_is_not_found(name: str, api: Client, mallory: Furnished) -> None:
    response = call(api, name, mallory.things)
    if name in MAKES_ITS_OWN:
        assert response.status_code == 200
        assert call(client_of(mallory.person), name, mallory.things).status_code == 200
    else:
        assert problem_of(response, 404)["code"] == "not_found"


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_nothing_of_another_tenant(name: str, api: Client, mallory: Furnished) -> None:
    response = call(api, name, mallory.things)
    assert response.status_code == 200
    shown = response.content.decode()
    assert not any(str(value) in shown for value in mallory.things.values() if not isinstance(value, int))


@pytest.mark.parametrize("name", OPERATIONS)
def test_nobody_is_let_in_without_a_key(name: str) -> None:
    for headers in ({}, {"authorization": "Bearer sk_wrong"}):
        response = call(Client(headers=headers), name, NAMES)
        assert problem_of(response, 401)["code"] == "invalid_api_key"
        assert response["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", [name for name, (_, _, o) in OPERATIONS.items() if "requestBody" in o])
def test_a_bad_body_is_told_by_its_fields(name: str, api: Client) -> None:
    problem = problem_of(call(api, name, NAMES, {"surprise": 1}), 422)
    assert "surprise" in [error["field"] for error in problem["errors"]]
    for wrong in ([], "text", None):
        method, path, _ = OPERATIONS[name]
        text = {"[]": "[]"}.get(str(wrong), f'"{wrong}"' if wrong else "null")
        sent = getattr(api, method)(path.format(**NAMES), text, content_type="application/json")
        assert sent.status_code == 422, sent.content
    sent = getattr(api, method)(path.format(**NAMES), '{"a": ', content_type="application/json")
    assert problem_of(sent, 400)["code"] == "invalid_json"
    sent = getattr(api, method)(path.format(**NAMES), "a=b", content_type="text/plain")
    assert problem_of(sent, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("path", sorted(described()["paths"]))
def test_another_method_is_told_which_are_possible(path: str, api: Client) -> None:
    if path == "/api/v1/models":
        return
    response = api.generic("PROPFIND", path.format(**NAMES))
    assert problem_of(response, 405)["code"] == "method_not_allowed"
    assert {method.lower() for method in response["allow"].split(", ")} == set(described()["paths"][path])


def test_every_scope_of_the_management_api_is_of_use() -> None:
    used = {operation["security"][0]["ApiKey"][0] for _, _, operation in OPERATIONS.values()}
    assert used | {"realtime", "models"} == set(Scope.values)


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/", "/api/v1/keys/no-id", f"/api/v1/{uuid.UUID(int=7)}"]
)
def test_an_unknown_path_is_a_problem_too(path: str, api: Client) -> None:
    problem = problem_of(api.get(path), 404)
    assert problem["code"] == "unknown_url"
    assert path in problem["detail"]


def test_an_error_of_ours_is_a_problem_and_says_nothing_of_it(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("apps.api.v1.routers.router_list", fail)
    problem = problem_of(api.get("/api/v1/routers"), 500)
    assert problem["code"] == "server_error"
    assert "secret" not in str(problem)


@pytest.mark.django_db(transaction=True)
def test_a_client_secret_is_refused(api: Client, alice: Person) -> None:
    key = alice.make_key().text
    own = Client(headers={"authorization": f"Bearer {key}"})
    minted = own.post("/v1/realtime/client_secrets", {}, content_type="application/json").json()
    client = Client(headers={"authorization": f"Bearer {minted['value']}"})
    assert problem_of(client.get("/api/v1/keys"), 403)["code"] == "insufficient_scope"


def test_a_body_of_more_than_a_mebibyte_is_refused(api: Client) -> None:
    body = '{"name": "' + "a" * (1 << 20) + '"}'
    response = api.post("/api/v1/keys", body, content_type="application/json")
    assert problem_of(response, 413)["code"] == "request_too_large"


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_cannot_be_kept_is_refused(text: str, api: Client) -> None:
    response = api.post("/api/v1/keys", {"name": text, "scopes": ["models"]}, content_type="application/json")
    assert response.status_code in (400, 422), response.content
    assert api.get("/api/v1/agents", {"tag": "a\0b"}).status_code == 422
    assert api.get("/api/v1/agents/a%00b").status_code == 404


def test_pages_of_any_origin_may_call_it(api: Client) -> None:
    headers = {
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization, idempotency-key, x-other",
    }
    response = Client().options("/api/v1/keys", headers=headers)
    assert response["access-control-allow-headers"] == "authorization, idempotency-key"
    assert "PATCH" in response["access-control-allow-methods"]
    assert api.get("/api/v1/keys")["access-control-allow-origin"] == "*"


@pytest.mark.usefixtures("redis_url")
def test_a_key_that_calls_too_often_has_to_wait(alice: Person, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    hasty, calm = client_of(alice), client_of(alice)
    left = [hasty.get("/api/v1/keys")["x-ratelimit-remaining-requests"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    response = hasty.get("/api/v1/keys")
    assert problem_of(response, 429)["code"] == "rate_limit_exceeded"
    assert 1 <= int(response["retry-after"]) <= 20
    assert calm.get("/api/v1/keys").status_code == 200


def test_without_redis_the_process_counts_by_itself(api: Client, settings: Settings) -> None:
    settings.REDIS_URL, settings.API_REQUESTS_PER_MINUTE = "redis://127.0.0.1:1", 2
    assert [api.get("/api/v1/keys").status_code for _ in range(3)] == [200, 200, 429]
