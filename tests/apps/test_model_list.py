"""Which models `GET /v1/models` lists: those that this tenant's sessions can name."""

import json
from datetime import date
from typing import Any

import pytest
from django.test import Client
from openai.types import Model

from antiphon.providers.catalogue import loader
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set
from apps.routers.services import router_put
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


def listed(person: Person) -> dict[str, dict[str, Any]]:
    client = Client(headers={"authorization": f"Bearer {person.make_key().text}"})
    return {model["id"]: model for model in client.get("/v1/models").json()["data"]}


def give_key(person: Person, provider: str) -> None:
    with tenant_context(person.tenant.id):
        credential_set(provider=provider, key="a-key")


def test_it_works(alice: Person) -> None:
    give_key(alice, "openai")
    models = listed(alice)
    assert list(models) == sorted(models)
    assert {"local/dialogue", "local/piper-joe", "openai/gpt-4.1-mini", "openai/gpt-realtime-2"} <= set(
        models
    )
    assert models["openai/gpt-4.1-mini"]["owned_by"] == "openai"
    for model in models.values():
        Model.model_validate(model, strict=True)


def test_each_vendor_with_a_key_has_its_models_of_the_catalogue(alice: Person) -> None:
    give_key(alice, "deepgram")
    expected = {entry.name for entry in loader.entries(provider="deepgram")}
    assert {name for name in listed(alice) if name.startswith("deepgram/")} == expected


def test_a_vendor_without_a_key_has_none(alice: Person, mallory: Person) -> None:
    give_key(mallory, "openai")
    assert {model["owned_by"] for model in listed(alice).values()} == {"local"}


def test_a_model_says_when_it_will_be_gone(alice: Person) -> None:
    give_key(alice, "openai")
    models = listed(alice)
    assert models["openai/gpt-4.1-mini"]["shutdown_date"] == "2027-01-14"
    assert "shutdown_date" not in models["local/dialogue"]


def test_a_model_that_is_gone_is_not_listed(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    give_key(alice, "openai")
    entry = loader.find("openai/gpt-4.1-mini")
    assert entry is not None
    assert entry.shutdown_at == date(2027, 1, 14)
    for day, is_there in ((date(2027, 1, 13), True), (date(2027, 1, 14), False)):
        monkeypatch.setattr("apps.conversations.model_list._today", lambda day=day: day)
        assert (entry.name in listed(alice)) == is_there


def test_routers_are_listed(alice: Person, mallory: Person) -> None:
    definition = {"kind": "language", "default": {"variants": [{"models": ["local/dialogue"]}]}}
    with tenant_context(alice.tenant.id):
        router_put(name="main", definition=json.dumps(definition))
    assert listed(alice)["router/main"]["owned_by"] == "router"
    assert "router/main" not in listed(mallory)
