"""A tenant's own keys and servers in its sessions."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from antiphon.providers.scripted.server import StubServer
from antiphon.providers.vendors import VENDORS
from apps.conversations import runtime
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential
from apps.credentials.services import credential_set, provider_put
from tests.apps.live import SECOND, in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

KEY = "acme-secret-0001"


@pytest.fixture(autouse=True)
async def platform_of_this_process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with live_platform(monkeypatch, "127.0.0.1"):
        yield


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    async with StubServer() as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)


async def add_acme(person: Person, server: StubServer, key: str = KEY, **more: Any) -> None:
    def add() -> None:
        with tenant_context(person.tenant.id):
            provider_put(slug="acme", dialect="openai", base_url=server.base_url, key=key, **more)

    await in_thread(add)


async def refusal(person: Person, model: str) -> str:
    """Why a session on this model is refused."""
    async with live_session((await in_thread(person.make_key)).text, model) as session:
        return str((await session.event("error"))["error"]["message"])


async def answer(key: str, model: str) -> dict[str, Any]:
    async with live_session(key, model) as session:
        session.user_says("Hello")
        session.say("response.create", response={"output_modalities": ["text"]})
        return dict((await session.event("response.done"))["response"])


async def test_it_works(alice: Person, server: StubServer) -> None:
    await add_acme(alice, server)
    response = await answer((await in_thread(alice.make_key)).text, "acme/anything/at-all")
    assert response["status"] == "completed"
    asked = [request for request in server.requests if request.path == "/v1/chat/completions"]
    assert [request.body["model"] for request in asked] == ["anything/at-all"]
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {KEY}"}


async def test_it_hears_and_speaks(alice: Person, server: StubServer) -> None:
    await add_acme(alice, server)
    async with live_session((await in_thread(alice.make_key)).text, "local/dialogue") as session:
        audio = {
            "input": {"transcription": {"model": "acme/ears"}, "turn_detection": None},
            "output": {"model": "acme/mouth", "voice": "heart"},
        }
        session.say("session.update", session={"type": "realtime", "audio": audio})
        session.say("input_audio_buffer.append", audio=SECOND)
        session.say("input_audio_buffer.commit")
        heard = await session.event("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "Good morning."
        session.say("response.create")
        await session.event("response.output_audio.delta")
        assert (await session.event("response.done"))["response"]["status"] == "completed"
    asked = {request.path: request.body["model"] for request in server.requests if "model" in request.body}
    assert asked == {"/v1/audio/transcriptions": "ears", "/v1/audio/speech": "mouth"}


async def test_a_new_key_works_for_the_next_session_at_once(alice: Person, server: StubServer) -> None:
    key = (await in_thread(alice.make_key)).text
    await add_acme(alice, server)
    await answer(key, "acme/m")
    await add_acme(alice, server, key="acme-secret-0002")
    server.requests.clear()
    await answer(key, "acme/m")
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer acme-secret-0002"}


async def test_it_is_no_model_of_another_tenants(alice: Person, mallory: Person, server: StubServer) -> None:
    await add_acme(alice, server)
    assert "No model is called 'acme/m'" in await refusal(mallory, "acme/m")


async def test_a_known_vendor_without_a_key_names_the_page_and_the_setting(alice: Person) -> None:
    assert await refusal(alice, "groq/m") == (
        "'groq/m' can't be used yet. Add a key for groq under Providers, or set GROQ_API_KEY."
    )


async def test_a_tenants_key_takes_the_place_of_the_operators(
    alice: Person, mallory: Person, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    groq = VENDORS["groq"]
    here = replace(groq, services=[replace(s, base_url=server.base_url) for s in groq.services])
    monkeypatch.setitem(VENDORS, "groq", here)  # type: ignore[arg-type]
    loaded = await runtime.inference()
    offered = {**loaded.providers, "groq": replace(here, api_key="the-operators-0001")}
    monkeypatch.setattr(runtime, "_loaded", replace(loaded, providers=offered))

    def set_key() -> None:
        with tenant_context(alice.tenant.id):
            credential_set(provider="groq", key=KEY)

    await in_thread(set_key)
    for person, key in ((alice, KEY), (mallory, "the-operators-0001")):
        server.requests.clear()
        await answer((await in_thread(person.make_key)).text, "groq/m")
        assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {key}"}


async def test_a_key_that_cannot_be_read_is_replaced_by_nobody_elses(
    alice: Person, server: StubServer
) -> None:
    def break_key() -> None:
        with tenant_context(alice.tenant.id):
            credential_set(provider="groq", key=KEY)
            ProviderCredential.objects.update(sealed_key="v1:1:AAAA")

    await in_thread(break_key)
    assert "can't be decrypted: enter it again under Providers" in await refusal(alice, "groq/m")
