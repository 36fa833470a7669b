import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.api.models import IdempotentRequest
from apps.api.services import KEPT
from apps.api.tasks import purge_idempotent_requests
from apps.api.v1 import keys
from apps.core.tenancy import tenant_context
from apps.keys.models import ApiKey
from tests.api.clients import client_of
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

BODY = {"name": "Kiosk", "scopes": ["models"]}


def post(api: Client, key: str | None, body: Any = None, path: str = "/api/v1/keys") -> HttpResponse:
    headers = {"idempotency-key": key} if key is not None else {}
    return api.post(path, body or BODY, content_type="application/json", headers=headers)


def count(person: Person) -> int:
    with tenant_context(person.tenant.id):
        return ApiKey.objects.filter(name="Kiosk").count()


def test_the_same_request_again_is_carried_out_once(api: Client, alice: Person) -> None:
    first, again = post(api, "one"), post(api, "one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.has_header("idempotent-replayed"), again["idempotent-replayed"]) == (False, "true")
    assert count(alice) == 1


def test_another_key_or_none_is_another_request(api: Client, alice: Person) -> None:
    for key in ("one", "two", None, None):
        assert post(api, key).status_code == 201
    assert count(alice) == 4


def test_another_body_under_the_same_key_is_refused(api: Client, alice: Person) -> None:
    post(api, "one")
    refused = post(api, "one", {**BODY, "scopes": ["realtime"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert count(alice) == 1


def test_what_failed_may_be_tried_again(api: Client, alice: Person) -> None:
    assert post(api, "one", {**BODY, "allowed_addresses": ["nowhere"]}).status_code == 422
    assert post(api, "one").status_code == 201


def test_each_api_key_and_each_operation_has_its_own(api: Client, alice: Person) -> None:
    made = post(api, "one").json()
    assert post(client_of(alice), "one").status_code == 201
    assert (
        post(api, "one", {"overlap_hours": 0}, f"/api/v1/keys/{made['key']['id']}/rotate").status_code == 201
    )


def test_a_secret_in_a_response_is_kept_sealed(api: Client, alice: Person) -> None:
    text = post(api, "one").json()["text"]
    with tenant_context(alice.tenant.id):
        row = IdempotentRequest.objects.values().get()
    assert text.split("_")[3] not in repr(row)


def test_a_response_that_cannot_be_opened_is_not_carried_out_again(
    api: Client, alice: Person, settings: Settings
) -> None:
    post(api, "one")
    settings.ENCRYPTION_KEYS = {2: bytes(range(32))}
    again = post(api, "one")
    assert (again.status_code, again.json()["code"]) == (409, "response_lost")
    assert count(alice) == 1


def test_while_it_is_carried_out_another_one_has_to_wait(
    alice: Person, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on, found = threading.Event(), threading.Event(), []
    carry_out = keys.api_key_create

    def slowly(**fields: Any) -> Any:
        inside.set()
        assert go_on.wait(10)
        return carry_out(**fields)

    def first() -> None:
        found.append(post(api, "one"))
        connections.close_all()

    monkeypatch.setattr(keys, "api_key_create", slowly)
    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    refused = post(api, "one")
    go_on.set()
    thread.join()
    assert (refused.status_code, refused.json()["code"]) == (409, "request_in_progress")
    assert refused["retry-after"] == "1"
    assert found[0].status_code == 201
    assert post(api, "one").content == found[0].content


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é"])
def test_a_key_has_a_shape(api: Client, key: str) -> None:
    response = post(api, key)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_idempotency_key")


def test_after_a_day_it_is_forgotten(api: Client, alice: Person) -> None:
    post(api, "one")
    with tenant_context(alice.tenant.id):
        IdempotentRequest.objects.update(created_at=timezone.now() - KEPT - timedelta(minutes=1))
    assert post(api, "one").status_code == 201
    assert count(alice) == 2
    with tenant_context(alice.tenant.id):
        IdempotentRequest.objects.update(created_at=timezone.now() - KEPT - timedelta(minutes=1))
    post(api, "two")
    purge_idempotent_requests.delay()
    with tenant_context(alice.tenant.id):
        assert IdempotentRequest.objects.get().idempotency_key == "two"
