"""Sessions that open as an agent, through the consumer."""

import json
from collections.abc import AsyncIterator
from time import time
from typing import Any

import pytest
from django.test import Client
from msgspec import structs

from antiphon.protocol.session import SemanticVad
from apps.agents.models import Agent
from apps.agents.services import (
    agent_archive,
    agent_create,
    agent_publish,
    agent_save_draft,
    agent_split_traffic,
    draft_preset,
)
from apps.agents.spec import AgentSpec, Limits, Privacy, Prompt, Variable, Voice
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.core.tenancy import tenant_context
from tests.apps.live import in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

SPEC = AgentSpec(
    prompt=Prompt(
        instructions="You work for {{ company }}. The caller is {{name}}.",
        variables=[Variable(name="company", default="Acme"), Variable(name="name", required=True)],
    ),
    voice=Voice(name="joe", speed=1.2),
    turn_taking=SemanticVad(eagerness="high"),
    limits=Limits(response_tokens=200, session_seconds=60),
)


@pytest.fixture(autouse=True)
async def platform_of_this_process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with live_platform(monkeypatch):
        yield


async def publish(person: Person, spec: AgentSpec = SPEC, slug: str = "desk") -> Agent:
    def work() -> Agent:
        with tenant_context(person.tenant.id):
            agent = Agent.objects.filter(slug=slug).first() or agent_create(slug=slug, name="Desk")
            agent = agent_save_draft(agent=agent, spec=spec, revision=agent.draft_revision)
            agent_publish(agent=agent)
            return agent

    return await in_thread(work)


async def key_of(person: Person) -> str:
    return str((await in_thread(person.make_key)).text)


async def refusal(key: str, query: str) -> dict[str, Any]:
    async with live_session(key, query) as session:
        return dict((await session.event("error"))["error"])


async def opened(key: str, query: str, **headers: str) -> dict[str, Any]:
    async with live_session(key, query, **headers) as session:
        return dict((await session.event("session.created"))["session"])


def mint(key: str, session: dict[str, Any]) -> Any:
    return Client().post(
        "/v1/realtime/client_secrets",
        {"session": session},
        content_type="application/json",
        headers={"authorization": f"Bearer {key}"},
    )


async def secret_for(key: str, session: dict[str, Any]) -> str:
    return str((await in_thread(mint, key, session)).json()["value"])


async def test_it_works_a_session_is_the_agent_that_it_names(alice: Person) -> None:
    await publish(alice)
    session = await opened(await key_of(alice), "agent/desk&var.name=Ann")
    assert session["model"] == "agent/desk@1"
    assert session["instructions"] == "You work for Acme. The caller is Ann."
    assert session["audio"]["output"]["voice"] == "joe"
    assert session["audio"]["output"]["speed"] == 1.2
    assert session["audio"]["input"]["turn_detection"]["eagerness"] == "high"
    assert session["audio"]["input"]["transcription"] is not None
    assert session["max_output_tokens"] == 200


async def test_it_answers_with_the_agents_model_and_the_client_may_change_the_rest(alice: Person) -> None:
    await publish(alice)
    async with live_session(await key_of(alice), "agent/desk&var.name=Ann") as session:
        session.say("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        updated = await session.event("session.updated")
        assert updated["session"]["model"] == "agent/desk@1"
        session.user_says("What is 2 plus 3?")
        session.say("response.create")
        done = await session.event("response.done")
    assert "five" in json.dumps(done["response"]["output"]).lower()


async def test_a_session_keeps_the_version_that_it_began_with(alice: Person) -> None:
    await publish(alice)
    key = await key_of(alice)
    async with live_session(key, "agent/desk&var.name=Ann") as session:
        await session.event("session.created")
        await publish(alice, AgentSpec(prompt=Prompt(instructions="Be brief.")))
        session.say("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        updated = await session.event("session.updated")
        assert updated["session"]["instructions"].startswith("You work for Acme")
    assert (await opened(key, "agent/desk"))["model"] == "agent/desk@2"
    assert (await opened(key, "agent/desk@1&var.name=Ann"))["model"] == "agent/desk@1"


async def test_it_says_its_first_message(alice: Person) -> None:
    await publish(alice, structs.replace(SPEC, first_message="Hello {{name}}."))
    async with live_session(await key_of(alice), "agent/desk&var.name=Ann") as session:
        done = await session.event("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Hello Ann."
        assert any(event["type"] == "response.output_audio.delta" for event in session.events)


async def test_the_event_log_and_the_sessions_row_know_the_version(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_platform(monkeypatch):
        await publish(alice)
        await opened(await key_of(alice), "agent/desk&var.name=Ann")
    row = await in_thread(_row, alice)
    assert row == ("agent/desk@1", 1, True)


async def test_an_agent_that_keeps_no_log_leaves_what_was_used_and_nothing_that_was_said(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = AgentSpec(prompt=Prompt(instructions="Be kind."), privacy=Privacy(keep_log=False))
    async with live_platform(monkeypatch):
        await publish(alice, spec)
        async with live_session(await key_of(alice), "agent/desk") as session:
            session.user_says("My secret is 4711.")
            session.say("response.create", response={"output_modalities": ["text"]})
            await session.event("response.done")
    kinds, ended = await in_thread(_events, alice)
    assert kinds == {"usage"}
    assert ended


async def test_it_ends_after_the_agents_longest_session(alice: Person) -> None:
    spec = AgentSpec(prompt=Prompt(instructions="Be kind."), limits=Limits(session_seconds=10))
    await publish(alice, spec)
    session = await opened(await key_of(alice), "agent/desk")
    assert session["expires_at"] <= time() + 10


async def test_whoever_says_who_they_are_gets_the_same_version_each_time(alice: Person) -> None:
    simple = AgentSpec(prompt=Prompt(instructions="Be kind."))
    agent = await publish(alice, simple)
    await publish(alice, structs.replace(simple, first_message=""))

    def split() -> None:
        with tenant_context(alice.tenant.id):
            agent_split_traffic(agent=agent, weights={1: 1, 2: 1})

    await in_thread(split)
    key = await key_of(alice)
    seen = {(await opened(key, "agent/desk", openai_safety_identifier="ann"))["model"] for _ in range(6)}
    assert len(seen) == 1


async def test_a_client_secret_brings_the_agent_and_its_variables(alice: Person) -> None:
    await publish(alice)
    asked = {
        "model": "agent/desk",
        "audio": {"output": {"speed": 0.9}},
        "providerData": {"antiphon": {"variables": {"name": "Ann"}}},
    }
    secret = await secret_for(await key_of(alice), asked)
    async with live_session(secret, "&var.name=Mallory") as session:
        created = (await session.event("session.created"))["session"]
    assert created["model"] == "agent/desk@1"
    assert created["instructions"].endswith("The caller is Ann."), "what the secret says holds"
    assert created["audio"]["output"]["speed"] == 0.9


async def test_a_client_secret_for_an_unknown_agent_is_not_minted(alice: Person) -> None:
    response = await in_thread(mint, await key_of(alice), {"model": "agent/nobody"})
    assert response.status_code == 400
    assert "no agent 'nobody'" in response.json()["error"]["message"]


async def test_the_draft_is_talked_to_through_a_client_secret(alice: Person) -> None:
    agent = await publish(alice)

    def draft() -> dict[str, Any]:
        with tenant_context(alice.tenant.id):
            current = Agent.objects.get(pk=agent.pk)
            spec = AgentSpec(prompt=Prompt(instructions="Not published."))
            agent_save_draft(agent=current, spec=spec, revision=current.draft_revision)
            return draft_preset(agent=current)

    secret = await secret_for(await key_of(alice), await in_thread(draft))
    async with live_session(secret, "") as session:
        created = (await session.event("session.created"))["session"]
    assert (created["model"], created["instructions"]) == ("agent/desk@draft", "Not published.")


async def test_a_missing_variable_is_named(alice: Person) -> None:
    await publish(alice)
    error = await refusal(await key_of(alice), "agent/desk")
    assert error["code"] == "invalid_variables"
    assert "'name'" in error["message"]
    assert "var.<name>" in error["message"]


async def test_a_variable_of_the_wrong_type_is_refused(alice: Person) -> None:
    prompt = Prompt(instructions="{{count}}", variables=[Variable(name="count", type="number")])
    await publish(alice, AgentSpec(prompt=prompt))
    error = await refusal(await key_of(alice), "agent/desk&var.count=many")
    assert error["message"] == "The variable 'count' is a number; 'many' is none."


async def test_unknown_and_archived_agents_are_refused(alice: Person) -> None:
    agent = await publish(alice)
    key = await key_of(alice)
    assert "no agent 'nobody'" in (await refusal(key, "agent/nobody"))["message"]

    def archive() -> None:
        with tenant_context(alice.tenant.id):
            agent_archive(agent=agent)

    await in_thread(archive)
    error = await refusal(key, "agent/desk&var.name=Ann")
    assert (error["code"], "archived" in error["message"]) == ("invalid_model", True)


async def test_an_agent_of_another_tenant_is_not_there(alice: Person, mallory: Person) -> None:
    await publish(alice)
    assert "no agent 'desk'" in (await refusal(await key_of(mallory), "agent/desk"))["message"]


async def test_an_agent_whose_model_cannot_be_used_says_what_to_do(alice: Person) -> None:
    spec = structs.replace(SPEC, model=structs.replace(SPEC.model, name="groq/openai/gpt-oss-120b"))
    await publish(alice, spec)
    error = await refusal(await key_of(alice), "agent/desk&var.name=Ann")
    assert "groq/openai/gpt-oss-120b" in error["message"]


async def test_a_session_cannot_become_an_agent_later(alice: Person) -> None:
    await publish(alice)
    async with live_session(await key_of(alice), "local/dialogue") as session:
        session.say("session.update", session={"type": "realtime", "modelId": "agent/desk"})
        error = (await session.event("error"))["error"]
    assert "when its session opens" in error["message"]


async def test_published_agents_are_among_the_models(alice: Person) -> None:
    await publish(alice)

    def listed(path: str) -> Any:
        headers = {"authorization": f"Bearer {alice.make_key(path).text}"}
        return Client().get(path, headers=headers).json()

    found = [
        model for model in (await in_thread(listed, "/v1/models"))["data"] if model["owned_by"] == "agent"
    ]
    assert [model["id"] for model in found] == ["agent/desk"]
    assert (await in_thread(listed, "/v1/models/agent/desk"))["id"] == "agent/desk"


def _row(person: Person) -> tuple[str, int, bool]:
    with tenant_context(person.tenant.id):
        row = RealtimeSession.objects.select_related("agent_version").get()
        assert row.agent_version is not None
        return row.model, row.agent_version.number, SessionEvent.objects.filter(session=row).exists()


def _events(person: Person) -> tuple[set[str], bool]:
    with tenant_context(person.tenant.id):
        types = set(SessionEvent.objects.values_list("type", flat=True))
        return types, RealtimeSession.objects.get().ended_at is not None
