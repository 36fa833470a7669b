"""Tenants' own keys and servers: kept, checked, used by their sessions alone, and taken away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from threading import Thread

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from antiphon.providers.base.provider import Provider
from antiphon.providers.scripted.server import Canned, StubServer
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential, SealedKeyModel, TenantProvider
from apps.credentials.selectors import credential_list, provider_list, providers_of
from apps.credentials.services import (
    credential_check,
    credential_delete,
    credential_set,
    provider_delete,
    provider_put,
)
from tests.cast import Person

pytestmark = pytest.mark.django_db

KEY = "gsk-very-secret-0001"
URL = "https://models.example.com/v1"


@pytest.fixture
def as_alice(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def of(person: Person) -> dict[str, Provider]:
    return providers_of(person.tenant.id)


class TestKeysOfVendors:
    def test_it_works(self, alice: Person, as_alice: None) -> None:
        row = credential_set(provider="groq", key=KEY, label="Phone line", created_by=alice.membership)
        (kept,) = credential_list()
        assert (kept, kept.masked, kept.label, kept.created_by) == (
            row,
            "…0001",
            "Phone line",
            alice.membership,
        )
        groq = of(alice)["groq"]
        assert (groq.api_key, groq.obstacle, groq.filtered) == (KEY, None, False)

    def test_another_key_takes_its_place_and_forgets_what_was_said_of_it(
        self, alice: Person, as_alice: None
    ) -> None:
        first = credential_set(provider="groq", key=KEY)
        ProviderCredential.objects.update(check_error="groq refused the API key")
        second = credential_set(provider="groq", key="gsk-another-secret-0002")
        assert (second.id, second.masked, second.check_error) == (first.id, "…0002", "")
        assert of(alice)["groq"].api_key == "gsk-another-secret-0002"

    def test_it_is_gone_once_it_is_deleted(self, alice: Person, as_alice: None) -> None:
        credential_delete(credential=credential_set(provider="groq", key=KEY))
        assert of(alice) == {}

    def test_no_other_tenant_has_it(self, mallory: Person, as_alice: None) -> None:
        credential_set(provider="groq", key=KEY)
        assert of(mallory) == {}

    def test_a_short_key_shows_nothing_of_itself(self, as_alice: None) -> None:
        assert credential_set(provider="groq", key="k").masked == "…"

    def test_a_vendor_whose_customers_have_addresses_needs_one(self, alice: Person, as_alice: None) -> None:
        with pytest.raises(ValidationError, match="give yours"):
            credential_set(provider="azure", key=KEY)
        credential_set(provider="azure", key=KEY, base_url="https://acme.openai.azure.com/openai/v1")
        azure = of(alice)["azure"]
        assert (azure.obstacle, azure.filtered) == (None, True)
        assert {service.base_url for service in azure.services} == {"https://acme.openai.azure.com/openai/v1"}

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"provider": "nobody"}, "No vendor is called 'nobody': the vendors are anthropic, "),
            ({"base_url": URL}, "The address of groq is known"),
            ({"key": ""}, "A key of Groq is needed"),
            ({"key": "two words"}, "one word"),
            ({"key": "key\r\nX-Evil: 1"}, "one word"),
            ({"key": "schlüssel"}, "one word"),
            ({"key": "k" * 5000}, "one word"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_is_no_key_of_a_vendor_is_refused(
        self, as_alice: None, given: dict[str, str], said: str
    ) -> None:
        with pytest.raises(ValidationError, match=said) as refused:
            credential_set(**{"provider": "groq", "key": KEY, **given})
        assert KEY not in str(refused.value)
        assert not credential_list().exists()

    def test_without_a_master_key_none_is_kept(self, as_alice: None, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = {}
        with pytest.raises(ValidationError, match="set ENCRYPTION_KEYS"):
            credential_set(provider="groq", key=KEY)


class TestOwnServers:
    def test_it_works(self, alice: Person, as_alice: None) -> None:
        row = provider_put(slug="acme", dialect="openai", base_url=URL, key=KEY)
        assert list(provider_list()) == [row]
        acme = of(alice)["acme"]
        assert (acme.api_key, acme.obstacle, acme.filtered) == (KEY, None, True)
        assert [service.kind for service in acme.services] == ["language", "speech_to_text", "text_to_speech"]

    def test_it_needs_no_key(self, alice: Person, as_alice: None) -> None:
        assert provider_put(slug="acme", dialect="openai", base_url=URL).masked == ""
        acme = of(alice)["acme"]
        assert (acme.api_key, acme.obstacle) == (None, None)

    def test_it_can_be_for_some_things_only(self, alice: Person, as_alice: None) -> None:
        provider_put(slug="acme", dialect="openai", base_url=URL, kinds=["text_to_speech"])
        assert [service.kind for service in of(alice)["acme"].services] == ["text_to_speech"]

    def test_it_can_speak_another_dialect(self, alice: Person, as_alice: None) -> None:
        provider_put(slug="acme", dialect="anthropic", base_url=URL, key=KEY)
        (service,) = of(alice)["acme"].services
        assert (service.kind, service.dialect) == ("language", "anthropic")
        assert of(alice)["acme"].endpoint(service).headers["x-api-key"] == KEY

    def test_put_again_with_another_address_it_does_not_send_the_old_key_there(
        self, alice: Person, as_alice: None
    ) -> None:
        first = provider_put(slug="acme", dialect="openai", base_url=URL, key=KEY)
        second = provider_put(slug="acme", dialect="openai", base_url="https://evil.example.com/v1")
        assert first.id == second.id
        assert of(alice)["acme"].api_key is None

    def test_it_is_gone_once_it_is_deleted(self, alice: Person, as_alice: None) -> None:
        provider_delete(provider=provider_put(slug="acme", dialect="openai", base_url=URL))
        assert of(alice) == {}

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"slug": "groq"}, "'groq' is taken"),
            ({"slug": "local"}, "'local' is taken"),
            ({"slug": "router"}, "'router' is taken"),
            ({"slug": "Acme/1"}, "lower-case letters"),
            ({"dialect": "smtp"}, "Choose one of openai, anthropic, gemini"),
            ({"kinds": ["realtime"]}, "can't be 'realtime'"),
            ({"dialect": "anthropic", "kinds": ["text_to_speech"]}, "can't be 'text_to_speech'"),
            ({"base_url": ""}, "Say where the server is"),
            ({"base_url": "models.example.com"}, "is no base URL"),
            ({"base_url": "ftp://models.example.com"}, "is no base URL"),
            ({"key": "two words"}, "one word"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_what_is_no_server_is_refused(self, as_alice: None, given: dict[str, object], said: str) -> None:
        whole = {"slug": "acme", "dialect": "openai", "base_url": URL, **given}
        with pytest.raises(ValidationError, match=said):
            provider_put(**whole)  # type: ignore[arg-type]
        assert not provider_list().exists()


class TestAtRest:
    def test_no_key_is_in_the_database(self, as_alice: None) -> None:
        rows: list[SealedKeyModel] = [
            credential_set(provider="groq", key=KEY),
            provider_put(slug="acme", dialect="openai", base_url=URL, key=KEY),
        ]
        for row in rows:
            values = type(row).objects.values_list().get()
            assert not any(KEY in str(value) for value in values)
            assert KEY not in repr(row)
            assert KEY not in str(vars(row))

    @pytest.mark.django_db(transaction=True)
    def test_a_row_copied_to_another_tenant_gives_no_key(
        self, alice: Person, mallory: Person, as_alice: None
    ) -> None:
        stolen = credential_set(provider="groq", key=KEY).sealed_key
        with tenant_context(mallory.tenant.id):
            credential_set(provider="groq", key="mallorys-own-key-0001")
            ProviderCredential.objects.update(sealed_key=stolen)
        groq = of(mallory)["groq"]
        assert (groq.api_key, groq.unreadable) == (None, True)

    def test_a_key_copied_to_another_row_is_no_key_there(self, alice: Person, as_alice: None) -> None:
        stolen = credential_set(provider="groq", key=KEY).sealed_key
        provider_put(slug="acme", dialect="openai", base_url="https://evil.example.com/v1", key="x")
        TenantProvider.objects.update(sealed_key=stolen)
        assert of(alice)["acme"].api_key is None
        assert "can't be decrypted" in (of(alice)["acme"].obstacle or "")

    def test_all_is_loaded_by_one_query(
        self, alice: Person, as_alice: None, django_assert_num_queries: object
    ) -> None:
        credential_set(provider="groq", key=KEY)
        credential_set(provider="openai", key=KEY)
        provider_put(slug="acme", dialect="openai", base_url=URL, key=KEY)
        with django_assert_num_queries(1):  # type: ignore[operator]
            assert set(of(alice)) == {"groq", "openai", "acme"}

    def test_a_vendor_that_is_known_no_more_is_left_out(self, alice: Person, as_alice: None) -> None:
        credential_set(provider="groq", key=KEY)
        ProviderCredential.objects.update(provider="bankrupt")
        assert of(alice) == {}


@contextmanager
def stub() -> Iterator[StubServer]:
    """An OpenAI-compatible server in a thread, for code that blocks its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)  # type: ignore[arg-type]

    server = StubServer()
    run(server.start())
    try:
        yield server
    finally:
        run(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def server(settings: Settings) -> Iterator[StubServer]:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)
    with stub() as running:
        yield running


class TestChecking:
    def test_it_works(self, as_alice: None, server: StubServer) -> None:
        row = provider_put(slug="acme", dialect="openai", base_url=server.base_url, key=KEY)
        credential_check(row=row)
        (request,) = server.requests
        assert (request.path, request.headers["Authorization"]) == ("/v1/models", f"Bearer {KEY}")
        row.refresh_from_db()
        assert row.last_checked_at is not None
        assert row.check_error == ""

    def test_a_refused_key_is_said_in_a_sentence_without_it(self, as_alice: None, server: StubServer) -> None:
        row = provider_put(slug="acme", dialect="openai", base_url=server.base_url, key=KEY)
        server.next_answer(Canned([f'{{"error": "no such key: {KEY}"}}'.encode()], status=401))
        credential_check(row=row)
        row.refresh_from_db()
        assert row.check_error.startswith("127.0.0.1 refused the API key")
        assert KEY not in row.check_error

    def test_a_server_that_is_not_there_is_said_too(self, as_alice: None, settings: Settings) -> None:
        settings.OUTBOUND_ALLOW = ("127.0.0.1",)
        row = provider_put(slug="acme", dialect="openai", base_url="http://127.0.0.1:9/v1")
        credential_check(row=row)
        assert "can't be reached" in row.check_error

    def test_what_a_check_says_is_not_kept_for_another_key(self, as_alice: None, server: StubServer) -> None:
        row = provider_put(slug="acme", dialect="openai", base_url="http://127.0.0.1:9/v1", key=KEY)
        provider_put(slug="acme", dialect="openai", base_url=server.base_url, key="another-key-0002")
        credential_check(row=row)
        assert TenantProvider.objects.get().check_error == ""

    def test_a_vendor_that_has_nothing_to_ask_for_is_not_asked(self, as_alice: None) -> None:
        with pytest.raises(ValidationError, match="no free request"):
            credential_check(row=credential_set(provider="nvidia", key=KEY))

    def test_a_key_that_cannot_be_decrypted_is_said(self, as_alice: None, settings: Settings) -> None:
        row = credential_set(provider="groq", key=KEY)
        settings.ENCRYPTION_KEYS = {2: b"2" * 32}
        credential_check(row=row)
        assert row.check_error.startswith("The key can't be decrypted: enter it again.")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestAddProvider:
    def add(self, server: StubServer, *more: str) -> str:
        return run(
            "add_provider", "--tenant=acme", "--slug=mine", "--dialect=openai",
            f"--base-url={server.base_url}", f"--key={KEY}", *more,
        )  # fmt: skip

    def test_it_works(self, alice: Person, server: StubServer) -> None:
        printed = self.add(server)
        assert "mine/<any model>" in printed
        assert "transcription.model" in printed
        assert "audio.output.model" in printed
        assert "mine answers, and takes the key." in printed
        assert KEY not in printed
        assert of(alice)["mine"].api_key == KEY

    def test_once_more_changes_nothing(self, alice: Person, server: StubServer) -> None:
        assert self.add(server) == self.add(server)
        with tenant_context(alice.tenant.id):
            assert provider_list().count() == 1

    def test_a_key_for_a_vendor_needs_no_address(self, alice: Person) -> None:
        printed = run("add_provider", "--tenant=acme", "--slug=nvidia", "--key", KEY)
        assert "the model of a session" in printed
        assert "no free request" in printed
        assert of(alice)["nvidia"].api_key == KEY

    def test_the_key_can_come_from_standard_input(
        self, alice: Person, server: StubServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(f"{KEY}\n"))
        self.add(server, "--key=-")
        assert of(alice)["mine"].api_key == KEY

    def test_what_is_wrong_with_the_server_is_said_and_it_is_kept(
        self, alice: Person, server: StubServer
    ) -> None:
        server.next_answer(Canned(status=401))
        assert "refused the API key" in self.add(server)
        assert "mine" in of(alice)

    def test_an_unknown_tenant_is_refused(self) -> None:
        with pytest.raises(CommandError, match=r"^There is no tenant 'nobody'\.$"):
            run("add_provider", "--tenant=nobody", "--slug=groq", "--key=k")

    def test_what_the_services_refuse_is_one_sentence(self, alice: Person) -> None:
        with pytest.raises(CommandError, match=r"^Say where the server is"):
            run("add_provider", "--tenant=acme", "--slug=mine", "--key=k")


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
class TestRotation:
    @pytest.fixture
    def keys_of_two_tenants(self, alice: Person, mallory: Person) -> list[Person]:
        with tenant_context(alice.tenant.id):
            credential_set(provider="groq", key=KEY)
            provider_put(slug="acme", dialect="openai", base_url=URL)  # without a key
        with tenant_context(mallory.tenant.id):
            provider_put(slug="acme", dialect="openai", base_url=URL, key="mallorys-own-key")
        return [alice, mallory]

    def test_it_works(self, keys_of_two_tenants: list[Person], settings: Settings) -> None:
        alice, mallory = keys_of_two_tenants
        settings.ENCRYPTION_KEYS = {1: bytes(32), 2: b"2" * 32}
        assert run("rotate_secrets").strip() == "2 secrets were encrypted again."
        settings.ENCRYPTION_KEYS = {2: b"2" * 32}
        assert of(alice)["groq"].api_key == KEY
        assert of(alice)["acme"].obstacle is None
        assert of(mallory)["acme"].api_key == "mallorys-own-key"

    def test_once_more_changes_nothing(self, keys_of_two_tenants: list[Person]) -> None:
        assert run("rotate_secrets").strip() == "0 secrets were encrypted again."

    def test_what_cannot_be_opened_is_named_and_kept(
        self, keys_of_two_tenants: list[Person], settings: Settings
    ) -> None:
        settings.ENCRYPTION_KEYS = {2: b"2" * 32}
        with pytest.raises(CommandError, match=r"Keep the older keys(.|\n)*groq(.|\n)*the master key 1"):
            run("rotate_secrets")
        settings.ENCRYPTION_KEYS = {1: bytes(32)}
        assert of(keys_of_two_tenants[0])["groq"].api_key == KEY

    def test_without_a_master_key_it_says_so(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = {}
        with pytest.raises(CommandError, match="set ENCRYPTION_KEYS"):
            run("rotate_secrets")
