from typing import Any

import pytest
from django.test import Client

from apps.core.tenancy import tenant_context
from apps.keys.models import ApiKey
from apps.tools.services import tool_create
from tests.api.clients import client_of
from tests.cast import Person

pytestmark = pytest.mark.django_db


def pages_of(api: Client, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    pages, cursor = [], None
    while True:
        page = api.get(path, {**query, **({"cursor": cursor} if cursor else {})}).json()
        pages.append(page["data"])
        if (cursor := page["next_cursor"]) is None:
            return pages


def test_pages_have_everything_once_and_in_order(alice: Person) -> None:
    for number in range(7):
        alice.make_key(name=str(number))
    with tenant_context(alice.tenant.id):
        ApiKey.objects.filter(name__in=["2", "3", "4"]).update(
            created_at=ApiKey.objects.get(name="3").created_at
        )
    api = client_of(alice, "keys.read")
    pages = pages_of(api, "/api/v1/keys", limit=2)
    assert [len(page) for page in pages] == [2, 2, 2, 2]
    ids = [key["id"] for page in pages for key in page]
    assert len(set(ids)) == 8
    assert [key["id"] for key in api.get("/api/v1/keys", {"limit": 100}).json()["data"]] == ids


def test_what_is_new_does_not_move_the_next_page(alice: Person) -> None:
    for number in range(4):
        alice.make_key(name=str(number))
    api = client_of(alice, "keys.read")
    first = api.get("/api/v1/keys", {"limit": 2}).json()
    alice.make_key(name="new")
    second = api.get("/api/v1/keys", {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["name"] for key in second["data"]] == ["2", "1"]


def test_lists_by_name_have_pages_too(alice: Person, api: Client) -> None:
    with tenant_context(alice.tenant.id):
        for slug in ("b", "a", "D", "c"):
            tool_create(slug=slug, kind="client")
    pages = pages_of(api, "/api/v1/tools", limit=1)
    assert sorted(tool["slug"] for page in pages for tool in page) == ["D", "a", "b", "c"]


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA==", "WyIiLCIiXQ==", "WyJ4IiwieCJd", "W10="])
def test_a_cursor_that_is_none_is_refused(cursor: str, api: Client) -> None:
    response = api.get("/api/v1/keys", {"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1e2"])
def test_a_limit_has_limits(limit: str, api: Client) -> None:
    response = api.get("/api/v1/keys", {"limit": limit})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "limit"
