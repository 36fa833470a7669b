"""Pages of agents: the list, the editor that saves by itself, publishing, versions; and what each role may do."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.agents.models import Agent
from apps.agents.selectors import agent_list, version_list
from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Prompt, Variable, read_spec
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.dashboard.forms.agents import fields_of
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db

SPEC = AgentSpec(
    prompt=Prompt(instructions="Be kind to {{name}}.", variables=[Variable(name="name", required=True)])
)


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return signed_in(alice)


@pytest.fixture
def agent(alice: Person) -> Agent:
    with tenant_context(alice.tenant.id):
        made = agent_create(slug="desk", name="Front desk")
        return agent_save_draft(agent=made, spec=SPEC, revision=0)


@pytest.fixture
def published(alice: Person, agent: Agent) -> Agent:
    with tenant_context(alice.tenant.id):
        agent_publish(agent=agent, notes="The first.")
    return agent


def text(response: HttpResponse) -> str:
    return response.content.decode()


def entered(agent: Agent, **changes: Any) -> dict[str, Any]:
    """What the editor's form sends."""
    fields = {
        name: "" if value is None else value for name, value in fields_of(read_spec(agent.draft)).items()
    }
    flags = {name: value for name, value in fields.items() if isinstance(value, bool)}
    fields = {name: value for name, value in fields.items() if name not in flags or value}
    rows = {
        "variables-TOTAL_FORMS": 1,
        "variables-INITIAL_FORMS": 1,
        "variables-0-name": "name",
        "variables-0-type": "text",
        "variables-0-default": "",
        "variables-0-description": "",
        "variables-0-required": "on",
    }
    fields["metadata"] = "\n".join(f"{key} = {value}" for key, value in fields["metadata"].items())
    return {**fields, **rows, "revision": agent.draft_revision, **changes}


def save(client: Client, agent: Agent, **changes: Any) -> HttpResponse:
    return client.post(
        f"/acme/agents/{agent.slug}/draft", entered(agent, **changes), headers={"hx-request": "true"}
    )


def draft_of(person: Person) -> AgentSpec:
    with tenant_context(person.tenant.id):
        return read_spec(Agent.objects.get(slug="desk").draft)


def test_the_first_visit_offers_templates(client: Client) -> None:
    page = text(client.get("/acme/agents/"))
    assert "Make your first agent" in page
    assert "Receptionist" in page


def test_an_agent_is_made_from_a_template_and_opens(client: Client, alice: Person) -> None:
    response = client.post("/acme/agents/", {"name": "Front desk", "template": "receptionist"}, follow=True)
    assert response.redirect_chain[-1][0] == "/acme/agents/front-desk/"
    assert "You are the receptionist" in text(response)


def test_a_taken_name_is_refused_and_what_was_typed_stays(client: Client, agent: Agent) -> None:
    page = text(client.post("/acme/agents/", {"name": "Another desk", "slug": "desk"}))
    assert "choose another" in page
    assert 'value="Another desk"' in page


def test_the_list_says_how_agents_are_doing(client: Client, alice: Person, published: Agent) -> None:
    with tenant_context(alice.tenant.id):
        now = timezone.now()
        RealtimeSession.objects.create(
            session_id="sess_1",
            model="agent/desk@1",
            agent_version=version_list(published)[0],
            started_at=now,
            alive_at=now,
        )
    page = text(client.get("/acme/agents/"))
    assert "Live" in page
    assert "Sessions on each of the last 7 days: 0, 0, 0, 0, 0, 0, 1" in page
    save(client, published, instructions="Be brief with {{name}}.")
    assert "Live, draft ahead" in text(client.get("/acme/agents/"))


def test_the_list_asks_the_database_as_often_for_many_agents_as_for_one(
    client: Client, alice: Person, django_assert_max_num_queries: Any
) -> None:
    with tenant_context(alice.tenant.id):
        for number in range(8):
            made = agent_create(slug=f"a-{number}", name=str(number))
            agent_publish(agent=agent_save_draft(agent=made, spec=SPEC, revision=0))
    with django_assert_max_num_queries(13):
        client.get("/acme/agents/")


def test_what_is_typed_is_saved_and_the_page_told(client: Client, alice: Person, agent: Agent) -> None:
    response = save(client, agent, instructions="Be brief.", speed="1.2", metadata="team = sales")
    page = text(response)
    assert 'name="revision" id="revision" value="2"' in page
    assert "Draft saved" in page
    spec = draft_of(alice)
    assert (spec.prompt.instructions, spec.voice.speed) == ("Be brief.", 1.2)
    assert spec.metadata == {"team": "sales"}
    assert spec.prompt.variables == SPEC.prompt.variables


def test_saving_what_is_shown_changes_nothing(client: Client, alice: Person, agent: Agent) -> None:
    save(client, agent)
    assert draft_of(alice) == SPEC


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"turn_taking": "none"}, None),
        ({"turn_taking": "semantic_vad", "eagerness": "low"}, "low"),
    ],
)
def test_turn_taking_is_changed(
    client: Client, alice: Person, agent: Agent, changes: dict[str, str], expected: str | None
) -> None:
    save(client, agent, **changes)
    assert getattr(draft_of(alice).turn_taking, "eagerness", None) == expected


def test_variables_are_added_and_removed(client: Client, alice: Person, agent: Agent) -> None:
    save(
        client,
        agent,
        **{
            "variables-TOTAL_FORMS": 2,
            "variables-0-DELETE": "on",
            "variables-1-name": "vip",
            "variables-1-type": "boolean",
        },
    )
    assert draft_of(alice).prompt.variables == [Variable(name="vip", type="boolean")]


def test_what_cannot_be_read_is_told_and_the_rest_is_saved(
    client: Client, alice: Person, agent: Agent
) -> None:
    page = text(save(client, agent, instructions="Be brief.", speed="fast", metadata="no pair"))
    assert "Enter a number" in page
    assert "is no pair" in page
    spec = draft_of(alice)
    assert (spec.prompt.instructions, spec.voice.speed) == ("Be brief.", 1.0)


def test_what_is_made_after_the_call_is_chosen(client: Client, alice: Person, agent: Agent) -> None:
    fields = '{"type": "object", "properties": {"order": {"type": "integer"}}}'
    save(client, agent, summary="on", summary_model="groq/gpt-oss-120b", after_fields=fields)
    after = draft_of(alice).after_call
    assert (after.summary, after.model) == (True, "groq/gpt-oss-120b")
    assert after.fields["properties"] == {"order": {"type": "integer"}}
    page = text(client.get("/acme/agents/desk/"))
    assert "&quot;order&quot;: {" in page


def test_fields_that_are_no_schema_are_told(client: Client, alice: Person, agent: Agent) -> None:
    assert "This is no JSON" in text(save(client, agent, after_fields="{"))
    page = text(save(client, agent, summary_model="groq/gpt-oss-120b", after_fields='{"order": 1}'))
    assert "must be a JSON schema of an object" in page
    assert 'href="#id_after_fields"' in page


def test_what_is_missing_for_publishing_is_told_with_its_place(client: Client, agent: Agent) -> None:
    page = text(save(client, agent, instructions="Call {{who}}."))
    assert 'href="#id_instructions"' in page
    assert "{{who}} is no variable yet" in page


def test_a_draft_that_somebody_else_saved_is_not_overwritten(
    client: Client, alice: Person, bob: Person, agent: Agent
) -> None:
    save(signed_in(bob), agent, instructions="Bob's.")
    page = text(save(client, agent, instructions="Alice's."))
    assert "bob@example.com saved this draft meanwhile" in page
    assert 'data-overwrites="2"' in page
    assert draft_of(alice).prompt.instructions == "Bob's."
    save(client, agent, instructions="Alice's.", revision=2)
    assert draft_of(alice).prompt.instructions == "Alice's."


def test_a_model_without_a_key_says_so(client: Client, agent: Agent) -> None:
    assert "Add a key for groq" in text(save(client, agent, model="groq/openai/gpt-oss-120b"))


def test_it_is_estimated_what_it_costs(client: Client, agent: Agent) -> None:
    assert "$0.000" in text(client.get("/acme/agents/desk/"))
    page = text(save(client, agent, model="mine/model"))
    assert "price unknown" in page


def test_without_scripts_the_draft_is_saved_too(client: Client, alice: Person, agent: Agent) -> None:
    response = client.post("/acme/agents/desk/draft", entered(agent, instructions="Be brief."))
    assert response["location"] == "/acme/agents/desk/"
    assert draft_of(alice).prompt.instructions == "Be brief."


def test_publishing_shows_what_changes_and_makes_a_version(
    client: Client, alice: Person, published: Agent
) -> None:
    save(client, published, instructions="Be brief with {{name}}.")
    page = text(client.get("/acme/agents/desk/publish"))
    assert "prompt.instructions" in page
    response = client.post("/acme/agents/desk/publish", {"notes": "Shorter.", "revision": 2}, follow=True)
    assert "agent/desk@2 is live" in text(response)
    assert "Shorter." in text(response)


def test_a_draft_with_faults_is_not_published(client: Client, alice: Person, agent: Agent) -> None:
    save(client, agent, instructions="")
    page = text(client.post("/acme/agents/desk/publish", {"revision": 2}))
    assert "Say what the agent is to do." in page
    with tenant_context(alice.tenant.id):
        assert not version_list(agent).exists()


def test_a_draft_that_changed_meanwhile_is_not_published(client: Client, agent: Agent) -> None:
    save(client, agent, instructions="Be brief with {{name}}.")
    assert "changed this draft meanwhile" in text(client.post("/acme/agents/desk/publish", {"revision": 1}))


def test_traffic_is_split_and_a_version_restored(client: Client, alice: Person, published: Agent) -> None:
    save(client, published, instructions="Be brief with {{name}}.")
    client.post("/acme/agents/desk/publish", {"revision": 2})
    page = text(client.post("/acme/agents/desk/traffic", {"1": "3", "2": "1"}, follow=True))
    assert "75 %" in page
    assert "whole numbers" in text(client.post("/acme/agents/desk/traffic", {"1": "many"}, follow=True))
    assert "above 0" in text(client.post("/acme/agents/desk/traffic", {"1": "0"}, follow=True))
    client.post("/acme/agents/desk/restore/1")
    assert draft_of(alice) == SPEC


def test_versions_are_compared(client: Client, published: Agent) -> None:
    save(client, published, speed="1.3")
    page = text(client.get("/acme/agents/desk/compare?before=1&after=draft"))
    assert "voice.speed" in page
    assert client.get("/acme/agents/desk/compare?before=7").status_code == 404


def test_code_has_the_endpoint_the_agent_and_what_it_needs(client: Client, agent: Agent) -> None:
    page = text(client.get("/acme/agents/desk/code"))
    assert "http://testserver/t/acme/v1" in page
    assert "agent/desk" in page
    assert "var.name" in page


def test_an_agent_is_renamed_copied_archived_and_taken_back(
    client: Client, alice: Person, agent: Agent
) -> None:
    client.post("/acme/agents/desk/details", {"name": "Reception", "tags": "sales, night"})
    client.post("/acme/agents/desk/duplicate")
    client.post("/acme/agents/desk/archive")
    with tenant_context(alice.tenant.id):
        assert [(found.slug, found.tags) for found in agent_list()] == [("desk-2", ["sales", "night"])]
    assert "Reception" in text(client.get("/acme/agents/?archived"))
    assert "This agent is archived" in text(client.get("/acme/agents/desk/"))
    client.post("/acme/agents/desk/unarchive")
    assert "Reception" in text(client.get("/acme/agents/?tag=night"))


def test_a_viewer_reads_and_changes_nothing(alice: Person, published: Agent) -> None:
    viewer = signed_in(member_of(alice.tenant, "vera", Role.VIEWER))
    for path in ("", "desk/", "desk/versions", "desk/code", "desk/compare?before=1"):
        assert viewer.get(f"/acme/agents/{path}").status_code == 200
    page = text(viewer.get("/acme/agents/desk/"))
    assert "disabled" in page
    assert "Publish…" not in page
    assert save(viewer, published, instructions="Be rude.").status_code == 403
    for path in ("", "desk/details", "desk/publish", "desk/traffic", "desk/restore/1", "desk/duplicate"):
        assert viewer.post(f"/acme/agents/{path}").status_code == 403
    for path in ("desk/archive", "desk/unarchive"):
        assert viewer.post(f"/acme/agents/{path}").status_code == 403
    assert draft_of(alice) == SPEC


def test_mallory_finds_nothing(mallory: Person, agent: Agent) -> None:
    assert signed_in(mallory).get("/acme/agents/desk/").status_code == 404
    assert signed_in(mallory).get("/mallory/agents/desk/").status_code == 404
