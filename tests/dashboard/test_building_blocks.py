"""Routers, voices and providers: what agents are made of."""

import io
import wave
from urllib.parse import urlencode

import msgspec
import pytest
from django.test import Client

from antiphon.providers.routing.format import parse
from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Model, Prompt
from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set
from apps.dashboard.forms.routers import SimpleRouterForm
from apps.routers.models import Router
from apps.routers.services import router_put
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db

SIMPLE = '{"kind": "language", "default": {"variants": [{"models": ["local/dialogue"]}]}}'
GOLD = {
    "kind": "language",
    "default": {"variants": [{"models": ["local/dialogue"]}]},
    "routes": [
        {
            "name": "gold",
            "when": {"field": "metadata.plan", "op": "eq", "value": "gold"},
            "variants": [{"models": ["groq/openai/gpt-oss-120b"]}],
        }
    ],
}


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(bob: Person) -> Client:
    return signed_in(bob)


class TestRouters:
    def test_it_works(self, client: Client, bob: Person) -> None:
        given = {"name": "main", "kind": "language", "models": "groq/x\nlocal/dialogue", "select": "cost"}
        response = client.post("/acme/routers/new/", given)
        assert response["location"] == "/acme/routers/main/"
        with tenant_context(bob.tenant.id):
            router = parse(Router.objects.get().definition)
            assert AuditEvent.objects.get(action="router.created").target_label == "router/main"
        assert router.models == ("groq/x", "local/dialogue")
        assert "router/main" in client.get("/acme/routers/").content.decode()

    def test_a_bad_one_is_refused_in_words_and_nothing_typed_is_lost(self, client: Client) -> None:
        given = {"name": "main", "definition": '{"kind": "language", "nonsense": 1}'}
        response = client.post("/acme/routers/new/?as=json", given)
        assert response.status_code == 422
        page = response.content.decode()
        assert "nonsense" in page
        assert "errorlist" in page

    def test_a_model_without_a_provider_is_refused(self, client: Client) -> None:
        response = client.post("/acme/routers/new/", {"name": "main", "kind": "language", "models": "gpt"})
        assert response.status_code == 422
        assert ">gpt</textarea>" in response.content.decode().replace("\n", "")

    def test_a_form_shows_what_it_can_say_and_json_the_rest(self, client: Client, bob: Person) -> None:
        with tenant_context(bob.tenant.id):
            router_put(name="plain", definition=SIMPLE)
            router_put(name="gold", definition=msgspec.json.encode(GOLD))
        assert "id_fallbacks" in client.get("/acme/routers/plain/").content.decode()
        assert "id_definition" in client.get("/acme/routers/plain/?as=json").content.decode()
        assert "id_definition" in client.get("/acme/routers/gold/").content.decode()

    def test_saving_what_the_form_shows_changes_nothing(self) -> None:
        router = parse(SIMPLE)
        shown = SimpleRouterForm.showing("plain", router)
        assert shown is not None
        saved = SimpleRouterForm({"name": "plain", **shown.initial})
        assert saved.is_valid()
        assert parse(saved.definition) == router

    def test_trying_it_says_who_is_asked_and_why(self, client: Client, bob: Person) -> None:
        with tenant_context(bob.tenant.id):
            router_put(name="gold", definition=msgspec.json.encode(GOLD))
        for plan, model in (("gold", "groq/openai/gpt-oss-120b"), ("tin", "local/dialogue")):
            query = urlencode({"modality": "audio", "metadata": f'{{"plan": "{plan}"}}'})
            explained = client.get(f"/acme/routers/gold/test/?{query}").context["explained"]
            assert [candidate.model for candidate in explained.candidates] == [model]
        page = client.get("/acme/routers/gold/test/?modality=audio&metadata=[1]").content.decode()
        assert "Give an object of texts" in page

    def test_it_is_deleted(self, client: Client, bob: Person) -> None:
        with tenant_context(bob.tenant.id):
            router_put(name="plain", definition=SIMPLE)
        assert client.post("/acme/routers/plain/delete/")["location"] == "/acme/routers/"
        assert client.get("/acme/routers/plain/").status_code == 404

    def test_a_viewer_only_looks(self, alice: Person) -> None:
        with tenant_context(alice.tenant.id):
            router_put(name="plain", definition=SIMPLE)
        client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
        assert client.get("/acme/routers/plain/").status_code == 200
        for path in ("new/", "plain/", "plain/delete/"):
            assert client.post(f"/acme/routers/{path}", {"definition": SIMPLE}).status_code == 403


class TestVoices:
    def test_they_are_found_by_language_and_provider(self, client: Client, bob: Person) -> None:
        with tenant_context(bob.tenant.id):
            credential_set(provider="openai", key="sk-something")
        names = {voice.model.name for voice in client.get("/acme/voices/").context["voices"]}
        assert any(name.startswith("openai/") for name in names)
        found = client.get("/acme/voices/?provider=local").context["voices"]
        assert [voice.name for voice in found] == ["joe"]
        assert not client.get("/acme/voices/?provider=local&language=de").context["voices"]
        assert "No voice is like that" in client.get("/acme/voices/?q=nobody").content.decode()

    @pytest.mark.django_db(transaction=True)
    def test_a_sample_is_spoken(self, client: Client) -> None:
        (voice,) = client.get("/acme/voices/?provider=local").context["voices"]
        asked = urlencode({"model": voice.model.name, "voice": voice.name})
        response = client.get(f"/acme/voices/sample.wav?{asked}")
        assert response["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(response.content)) as sample:
            assert sample.getframerate() == 24_000
            assert sample.getnframes() > 24_000

    def test_only_what_is_listed_speaks(self, client: Client) -> None:
        assert client.get("/acme/voices/sample.wav?model=local/nobody&voice=x").status_code == 404

    def test_a_viewer_plays_none_as_that_costs(self, alice: Person) -> None:
        client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
        assert "data-plays" not in client.get("/acme/voices/").content.decode()
        assert client.get("/acme/voices/sample.wav?model=local/piper-joe&voice=joe").status_code == 403


def test_providers_say_which_agents_use_them(client: Client, bob: Person) -> None:
    with tenant_context(bob.tenant.id):
        credential_set(provider="groq", key="gsk-something")
        router_put(name="main", definition=msgspec.json.encode(GOLD))
        for slug, model in (("desk", "groq/openai/gpt-oss-120b"), ("routed", "router/main"), ("own", "")):
            spec = AgentSpec(prompt=Prompt(instructions="Be kind."), model=Model(name=model))
            agent = agent_create(slug=slug, name=slug.title())
            agent_save_draft(agent=agent, spec=spec, revision=0)
            agent_publish(agent=agent)
    [(_, agents)] = client.get("/acme/providers/").context["credentials"]
    assert [agent.slug for agent in agents] == ["desk", "routed"]


def test_a_key_that_is_set_is_noted_without_the_key(client: Client, bob: Person) -> None:
    client.post("/acme/providers/keys/", {"provider": "groq", "key": "gsk-very-secret"})
    with tenant_context(bob.tenant.id):
        event = AuditEvent.objects.get(action="credential.set")
    assert event.actor_label == bob.user.email
    assert "very-secret" not in str(event.after)
