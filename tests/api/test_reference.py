"""The description of the management API, for programs and for people."""

import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.api.v1.schema import described

OPERATIONS = [operation for methods in described()["paths"].values() for operation in methods.values()]


def test_the_document_is_openapi_for_this_server(settings: Settings) -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert [server["url"] for server in document["servers"]] == ["http://testserver"]
    settings.PUBLIC_URL = "https://voice.example.com"
    document = Client().get("/api/v1/openapi.json").json()
    assert document["servers"][0]["url"] == "https://voice.example.com"


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+_[a-z]+", name) for name in names)
    assert all(operation["summary"] and operation["tags"] for operation in OPERATIONS)


def test_what_is_referred_to_is_there() -> None:
    text = str(described())
    referred = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert referred <= set(described()["components"]["schemas"])


def test_the_page_has_every_operation() -> None:
    page = Client().get("/docs/api").content.decode()
    for operation in OPERATIONS:
        assert f'id="{operation["operationId"]}"' in page
    assert "style=" not in page
    assert "http://testserver/api/v1/keys" in page


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/docs/api"])
def test_it_is_only_read(path: str) -> None:
    assert Client().post(path).status_code == 405
