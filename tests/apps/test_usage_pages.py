"""The public page of models, and the same as JSON."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from antiphon.providers.catalogue import loader
from tests.cast import PASSWORD, Person

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def page(query: str = "") -> str:
    response = Client(headers={"accept": BROWSER}).get(f"/models{query}")
    assert response.status_code == 200
    assert response["content-type"].startswith("text/html")
    return re.sub(r"\s+", " ", response.content.decode())


def models(query: str = "") -> dict[str, dict[str, Any]]:
    body = Client().get(f"/api/v1/models{query}").json()
    assert body["object"] == "list"
    return {model["id"]: model for model in body["data"]}


def test_it_works_the_page_shows_every_model_to_everybody() -> None:
    shown = page()
    for entry in loader.entries():
        assert f"<code>{entry.name}</code>" in shown


def test_prices_are_in_units_for_people() -> None:
    shown = page("?q=gpt-realtime-2.1")
    assert "text in: $4 per million tokens" in shown
    assert "audio in, cached: $0.4 per million tokens" in shown
    assert "text in: $0.6 per million tokens" in shown  # of the small one
    assert "audio in: $0.2 per minute" not in shown
    assert "connection: $0.0025 per minute" in page("?q=universal-streaming-english")
    assert "text: $0.015 per 1,000 characters" in page("?q=openai/tts-1")
    assert "audio out: about $0.015 per minute" in page("?q=gpt-4o-mini-tts")


def test_what_will_be_gone_says_when_and_what_to_use() -> None:
    shown = page("?q=openai/gpt-4.1-mini")
    assert "shut down on 2027-01-14" in shown
    assert "use <code>openai/gpt-6-luna</code>" in shown


def test_a_model_without_a_price_says_so() -> None:
    assert "no price is known: no source gives its price" in page("?q=deepgram/aura-2")


def test_models_are_filtered_by_kind_and_name() -> None:
    shown = page("?kind=speech_to_text&q=DEEPGRAM")
    assert "4 models" in shown
    assert "deepgram/nova-3" in shown
    assert "deepgram/aura-2" not in shown
    assert '<option value="speech_to_text" selected>' in shown


def test_a_search_without_results_says_so_and_escapes_what_was_asked() -> None:
    shown = page("?q=<script>")
    assert "No model is called that." in shown
    assert "<script>" not in shown
    assert "No model is called that." not in page("?kind=telepathy")


@pytest.mark.django_db
def test_the_page_is_there_for_people_who_are_signed_in(alice: Person) -> None:
    client = Client(headers={"accept": BROWSER})
    assert client.login(email=alice.user.email, password=PASSWORD)
    assert "<h1>Models</h1>" in client.get("/models").content.decode()


@pytest.mark.django_db(transaction=True)
def test_clients_without_the_version_in_their_base_url_get_their_models_and_not_the_page(
    alice: Person,
) -> None:
    key = {"authorization": f"Bearer {alice.make_key().text}"}
    for accept in ("application/json", BROWSER):
        response = Client(headers={"accept": accept, **key}).get("/models")
        assert response.json()["object"] == "list"
        assert "Authorization" in response["vary"]
    assert Client(headers={"accept": "application/json"}).get("/models").status_code == 401


def test_it_works_as_json_with_or_without_a_key() -> None:
    found = models()
    assert set(found) == {entry.name for entry in loader.entries()}
    model = found["openai/gpt-realtime-2.1"]
    assert (model["kind"], model["provider"], model["lifecycle"]) == ("realtime", "openai", "active")
    assert model["context_tokens"] == 128_000
    assert model["capabilities"]["images"] is True
    assert model["voices"][:2] == ["marin", "cedar"]
    assert model["languages"] == ["many"]
    price = next(rate for rate in model["rates"] if rate["unit"] == "output_audio_token")
    assert (price["price"], price["per"], price["valid_from"]) == ("64", 1_000_000, None)
    assert price["source"].startswith("https://github.com/pydantic/genai-prices")


def test_an_announced_end_and_an_announced_price_are_in_the_json() -> None:
    retiring = models("?provider=openai")["openai/gpt-4.1-mini"]
    assert (retiring["shutdown_at"], retiring["replacement"]) == ("2027-01-14", "openai/gpt-6-luna")
    rates = models("?provider=google")["google/gemini-3.8-flash"]["rates"]
    periods = [(rate["price"], rate["valid_from"]) for rate in rates if rate["unit"] == "input_text_token"]
    assert periods[-1] == ("1.5", "2027-01-01")


def test_no_price_in_the_json_is_a_float_and_none_has_an_exponent() -> None:
    for model in models().values():
        assert bool(model["rates"]) != bool(model["unpriced"])
        for rate in model["rates"]:
            assert re.fullmatch(r"\d+(\.\d+)?", rate["price"])
            assert Decimal(rate["price"]) >= 0


def test_the_json_is_filtered_by_kind_and_provider() -> None:
    assert set(models("?kind=text_to_speech&provider=openai")) == {
        "openai/gpt-4o-mini-tts",
        "openai/tts-1",
        "openai/tts-1-hd",
    }
    assert models("?provider=nobody") == {}


def test_a_kind_that_does_not_exist_is_400_and_says_which_do() -> None:
    response = Client().get("/api/v1/models?kind=telepathy")
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "kind")
    assert "speech_to_text" in error["message"]


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/models/"])
def test_other_methods_are_405(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path)
    assert response.status_code == 405
    assert response["allow"] == "GET, HEAD"
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_pages_of_any_origin_may_read_the_json() -> None:
    response = Client(headers={"origin": "https://app.example"}).get("/api/v1/models")
    assert response["access-control-allow-origin"] == "*"
    assert response["cache-control"] == "public, max-age=300"
