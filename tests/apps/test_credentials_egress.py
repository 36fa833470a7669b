"""Tenants' servers may not be inside the operator's network: told when one is added, and whenever it is used."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from antiphon.outbound.policy import OutboundPolicy
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LlmRequest, Message
from antiphon.providers.base.realtime import RealtimeRequest
from antiphon.providers.base.stt import SttConfig
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.registry import Defaults, ModelRegistry
from antiphon.providers.scripted.server import StubServer
from antiphon.providers.vendors import VENDORS
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential, TenantProvider
from apps.credentials.selectors import provider_list, providers_of
from apps.credentials.services import credential_check, credential_set, provider_put
from tests.apps.live import in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

PRIVATE = [
    "https://127.0.0.1/v1",
    "https://127.1/v1",
    "https://2130706433/v1",
    "https://0x7f000001/v1",
    "https://0177.0.0.1/v1",
    "https://0.0.0.0/v1",
    "https://[::1]/v1",
    "https://[::ffff:127.0.0.1]/v1",
    "https://[64:ff9b::7f00:1]/v1",
    "https://[fe80::1]/v1",
    "https://10.0.0.5/v1",
    "https://172.16.0.1/v1",
    "https://192.168.1.1:8443/v1",
    "https://100.64.0.1/v1",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/v1",
    "https://LOCALHOST/v1",
    "http://models.example.com/v1",
    "https://user:password@models.example.com/v1",
    "https://127.0.0.1\\@models.example.com/v1",
    "https://models.example.com:0/v1",
]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the names of these tests resolve to, for as long as they do."""
    answers: dict[str, str] = {}
    ask = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **options: Any) -> Any:
        return ask(answers.get(host, host), *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


def put(base_url: str, dialect: str = "openai", key: str = "k") -> TenantProvider:
    return provider_put(slug="acme", dialect=dialect, base_url=base_url, key=key)


def put_unseen(person: Person, base_url: str, slug: str = "acme", dialect: str = "openai") -> None:
    """As if the address had been harmless when it was added."""
    with tenant_context(person.tenant.id):
        if slug in VENDORS:
            credential_set(provider=slug, key="k", base_url="https://1.1.1.1/v1")
            ProviderCredential.objects.update(base_url=base_url)
        else:
            put("https://1.1.1.1/v1", dialect)
            TenantProvider.objects.update(base_url=base_url)


class TestWhenOneIsAdded:
    @pytest.fixture(autouse=True)
    def as_alice(self, alice: Person) -> Any:
        with tenant_context(alice.tenant.id):
            yield

    def test_it_works(self) -> None:
        assert put("https://1.1.1.1/v1").base_url == "https://1.1.1.1/v1"

    @pytest.mark.parametrize("base_url", PRIVATE)
    def test_an_address_inside_is_refused_with_a_sentence(self, base_url: str) -> None:
        with pytest.raises(ValidationError) as refused:
            put(base_url)
        assert refused.value.messages[0].endswith(".")
        assert "password" not in refused.value.messages[0].replace("name or password", "")
        assert not provider_list().exists()

    def test_the_sentence_says_how_the_operator_can_allow_it(self) -> None:
        with pytest.raises(ValidationError, match="allow it by naming it in OUTBOUND_ALLOW"):
            put("https://10.0.0.5/v1")

    def test_a_name_that_leads_inside_is_refused(self, names: dict[str, str]) -> None:
        names["models.example.com"] = "10.0.0.5"
        with pytest.raises(ValidationError, match=r"models\.example\.com is not on the public internet"):
            put("https://models.example.com/v1")

    def test_a_name_that_cannot_be_resolved_now_passes(self) -> None:
        assert put("https://nowhere.invalid/v1").base_url == "https://nowhere.invalid/v1"

    @pytest.mark.parametrize(
        ("allowed", "base_url"),
        [
            ("127.0.0.1", "http://127.0.0.1:8000/v1"),
            ("10.0.0.0/8", "https://10.0.0.5/v1"),
            ("localhost", "http://localhost:11434/v1"),
            ("::1", "http://[::1]:8000/v1"),
        ],
    )
    def test_the_operator_may_allow_it(self, settings: Settings, allowed: str, base_url: str) -> None:
        settings.OUTBOUND_ALLOW = (allowed,)
        assert put(base_url).base_url == base_url

    def test_the_address_that_goes_with_a_vendors_key_is_refused_too(self) -> None:
        with pytest.raises(ValidationError, match="OUTBOUND_ALLOW"):
            credential_set(provider="azure", key="k", base_url="https://10.0.0.5/openai/v1")

    def test_the_command_refuses_it(self) -> None:
        with pytest.raises(CommandError, match="OUTBOUND_ALLOW"):
            call_command("add_provider", "--tenant=acme", "--slug=mine", "--base-url=https://10.0.0.5/v1")


def registry(person: Person, *allowed: str) -> tuple[ModelRegistry, Wire]:
    wire = Wire(policy=OutboundPolicy.allowing(allowed))
    return ModelRegistry(wire, Defaults("", "", ""), providers=providers_of(person.tenant.id)), wire


async def ask_model(models: ModelRegistry) -> None:
    async for _ in models.language_model("acme/m").stream(LlmRequest("", [Message("user", "Hello")])):
        pass


async def ask_recogniser(models: ModelRegistry) -> None:
    stream = models.speech_to_text("acme/m").open(SttConfig())
    stream.push(bytes(48_000))
    stream.finish()
    async for _ in stream.events():
        pass


async def ask_voice(models: ModelRegistry) -> None:
    stream = models.text_to_speech("acme/m").open(TtsConfig("alloy"))
    await stream.send("Hello.")
    stream.end()
    async for _ in stream.events():
        pass


async def ask_upstream(models: ModelRegistry) -> None:
    """Over a WebSocket, to the address that goes with a vendor's key."""
    upstream = models.realtime_model("azure/realtime").open()
    try:
        prompt = LlmRequest("", [Message("user", "Hello", item_id="item_1")])
        async for _ in upstream.respond(RealtimeRequest(prompt, "audio", "alloy")):
            pass
    finally:
        await upstream.aclose()


@dataclass(frozen=True)
class Way:
    """How something of a tenant's is reached."""

    slug: str
    dialect: str
    ask: Callable[[ModelRegistry], Awaitable[None]]

    def __str__(self) -> str:
        return f"{self.slug}-{self.dialect}-{self.ask.__name__}"


WAYS = [
    Way("acme", "openai", ask_model),
    Way("acme", "openai", ask_recogniser),
    Way("acme", "openai", ask_voice),
    Way("acme", "anthropic", ask_model),
    Way("acme", "gemini", ask_model),
    Way("azure", "openai", ask_upstream),
]


@dataclass
class Doorbell:
    """A server that counts who comes, and sends everybody elsewhere if it knows where."""

    location: str = ""
    rings: int = 0
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.rings += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            head = "HTTP/1.1 302 Found" if self.location else "HTTP/1.1 500 Internal"
            writer.write(f"{head}\r\nLocation: {self.location}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def doorbell(location: str = "") -> AsyncIterator[Doorbell]:
    bell = Doorbell(location)
    server = await asyncio.start_server(bell.answer, "127.0.0.1", 0)
    async with server:
        bell.port = server.sockets[0].getsockname()[1]
        yield bell


@pytest.fixture
async def inside() -> AsyncIterator[Doorbell]:
    """A server that tenants must not reach."""
    async with doorbell() as running:
        yield running


@pytest.mark.parametrize("way", WAYS, ids=str)
class TestEachWay:
    async def test_an_address_inside_is_refused(self, alice: Person, inside: Doorbell, way: Way) -> None:
        for host in ("http://127.0.0.1", "https://127.0.0.1", "https://127.1"):
            await in_thread(put_unseen, alice, f"{host}:{inside.port}/v1", way.slug, way.dialect)
            models, wire = await in_thread(registry, alice)
            with pytest.raises(ProviderError) as refused:
                await way.ask(models)
            assert refused.value.kind == "invalid"
            await models.warm_up(f"{way.slug}/m")
            await wire.aclose()
        assert not inside.rings

    async def test_a_name_that_leads_inside_by_now_is_refused(
        self, alice: Person, inside: Doorbell, names: dict[str, str], way: Way
    ) -> None:
        names["models.example.com"] = "127.0.0.1"
        address = f"https://models.example.com:{inside.port}/v1"
        await in_thread(put_unseen, alice, address, way.slug, way.dialect)
        models, wire = await in_thread(registry, alice)
        with pytest.raises(ProviderError, match=r"models\.example\.com is not on the public internet"):
            await way.ask(models)
        await wire.aclose()
        assert not inside.rings

    async def test_a_redirect_inside_is_not_followed(self, alice: Person, inside: Doorbell, way: Way) -> None:
        async with doorbell(inside.base_url) as outside:
            await in_thread(put_unseen, alice, outside.base_url, way.slug, way.dialect)
            models, wire = await in_thread(registry, alice, "127.0.0.1")
            with pytest.raises(ProviderError):
                await way.ask(models)
            await wire.aclose()
            assert outside.rings
        assert not inside.rings


class TestWhenOneIsUsed:
    def test_a_check_does_not_go_there(self, alice: Person) -> None:
        put_unseen(alice, "https://10.0.0.5/v1")
        with tenant_context(alice.tenant.id):
            row = TenantProvider.objects.get()
            credential_check(row=row)
        assert "OUTBOUND_ALLOW" in row.check_error

    async def test_a_session_says_why(
        self, alice: Person, inside: Doorbell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await in_thread(put_unseen, alice, inside.base_url)
        key = (await in_thread(alice.make_key)).text
        async with live_platform(monkeypatch), live_session(key, "acme/m") as session:
            session.user_says("Hello")
            session.say("response.create")
            failed = (await session.event("response.done"))["response"]
        assert failed["status"] == "failed"
        assert "OUTBOUND_ALLOW" in failed["status_details"]["error"]["message"]
        assert not inside.rings

    async def test_the_operator_may_allow_it(self, alice: Person) -> None:
        async with StubServer() as server:
            await in_thread(put_unseen, alice, server.base_url)
            models, wire = await in_thread(registry, alice, "127.0.0.1")
            await asyncio.gather(ask_model(models), ask_recogniser(models), ask_voice(models))
            await wire.aclose()
            assert len(server.requests) == 3
