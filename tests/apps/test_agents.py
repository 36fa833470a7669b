"""Agents: drafts, publishing, restoring, shares of traffic, copies, the archive."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, transaction
from msgspec import structs

from apps.agents.choosing import AgentRefused, agent_choose
from apps.agents.models import Agent
from apps.agents.selectors import agent_list, is_published, live_agents, version_list
from apps.agents.services import (
    DraftConflict,
    agent_archive,
    agent_create,
    agent_duplicate,
    agent_publish,
    agent_restore,
    agent_save_draft,
    agent_split_traffic,
    agent_unarchive,
    agent_update,
    draft_preset,
)
from apps.agents.spec import AgentSpec, Prompt, read_spec
from apps.agents.starters import starters
from apps.audit.acting import Actor, acting
from apps.audit.selectors import audit_list
from apps.core.tenancy import tenant_context
from tests.cast import Person


@pytest.fixture(autouse=True)
def as_alice(alice: Person) -> Any:
    with tenant_context(alice.tenant.id), acting(Actor.person(alice.user, address=None)):
        yield


def saying(instructions: str) -> AgentSpec:
    return AgentSpec(prompt=Prompt(instructions=instructions))


def make_agent(*instructions: str, slug: str = "front-desk") -> Agent:
    """With a version for each of these instructions."""
    agent = agent_create(slug=slug, name="Front desk")
    for text in instructions:
        agent = agent_save_draft(agent=agent, spec=saying(text), revision=agent.draft_revision)
        agent_publish(agent=agent)
    return agent


def actions() -> list[str]:
    return [event.action for event in audit_list() if event.target_kind == "agent"][::-1]


def chosen(agent: Agent, name: str = "", identity: str = "") -> tuple[str, str]:
    found = agent_choose(tenant_id=agent.tenant_id, name=name or str(agent), identity=identity)
    return found.name, found.spec.prompt.instructions


def test_it_works_an_agent_is_made_edited_published_and_chosen() -> None:
    agent = make_agent("Be kind.")
    [version] = version_list(agent)
    assert (version.number, version.published_by, version.share.weight) == (1, "alice@example.com", 1)
    assert version.spec["turn_taking"]["silence_duration_ms"] == 500, "defaults are written out"
    assert chosen(agent) == ("agent/front-desk@1", "Be kind.")
    assert is_published(agent)
    assert list(live_agents()) == [agent]
    assert actions() == ["agent.created", "agent.published"]


@pytest.mark.parametrize("template", [starter.slug for starter in starters()])
def test_every_template_can_be_published_as_it_is(template: str) -> None:
    agent = agent_create(slug="from-template", name="From a template", template=template)
    assert agent_publish(agent=agent).number == 1


def test_there_are_templates_to_start_from() -> None:
    assert len(starters()) >= 6


@pytest.mark.parametrize("slug", ["Front Desk", "-front", "front@2", "", "a" * 64])
def test_a_bad_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError) as refused:
        agent_create(slug=slug, name="Front desk")
    assert set(refused.value.message_dict) == {"slug"}


def test_a_taken_slug_is_refused() -> None:
    make_agent()
    with pytest.raises(ValidationError, match="choose another"):
        make_agent()


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(ValidationError, match="no template 'poet'"):
        agent_create(slug="poet", name="Poet", template="poet")


def test_an_unfinished_draft_is_saved_and_not_published() -> None:
    agent = make_agent()
    agent = agent_save_draft(agent=agent, spec=saying("Call {{name}}."), revision=0)
    with pytest.raises(ValidationError) as refused:
        agent_publish(agent=agent)
    assert refused.value.message_dict == {
        "prompt.instructions": ["{{name}} is no variable yet: declare it below, or remove it."]
    }
    with pytest.raises(AgentRefused, match="never published"):
        chosen(agent)


def test_who_saves_over_somebody_elses_draft_is_refused_and_nothing_is_lost(bob: Person) -> None:
    agent = make_agent()
    with acting(Actor.person(bob.user, address=None)):
        agent_save_draft(agent=agent, spec=saying("Bob's."), revision=0)
    with pytest.raises(DraftConflict, match=r"bob@example\.com saved this draft meanwhile") as conflict:
        agent_save_draft(agent=agent, spec=saying("Alice's."), revision=0)
    assert read_spec(conflict.value.agent.draft).prompt.instructions == "Bob's."
    with pytest.raises(DraftConflict):
        agent_publish(agent=agent, revision=0)


def test_saving_what_is_there_already_changes_nothing() -> None:
    agent = make_agent()
    assert agent_save_draft(agent=agent, spec=AgentSpec(), revision=0).draft_revision == 0


def test_saves_of_one_person_that_follow_each_other_are_one_entry_of_the_audit_log(bob: Person) -> None:
    agent = make_agent()
    for actor in (bob, bob):
        with acting(Actor.person(actor.user, address=None)):
            agent = agent_save_draft(
                agent=agent, spec=saying(f"{agent.draft_revision}"), revision=agent.draft_revision
            )
    assert actions() == ["agent.created", "agent.draft_edited"]


def test_the_database_refuses_to_alter_a_version() -> None:
    agent = make_agent("Be kind.")
    version = version_list(agent)[0]
    version.notes = "something else"
    with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
        version.save()


def test_a_new_version_gets_all_sessions_and_older_ones_stay() -> None:
    agent = make_agent("Be kind.", "Be brief.")
    assert chosen(agent) == ("agent/front-desk@2", "Be brief.")
    assert chosen(agent, "agent/front-desk@1") == ("agent/front-desk@1", "Be kind.")


def test_a_version_is_restored_as_the_draft() -> None:
    agent = make_agent("Be kind.", "Be brief.")
    agent = agent_restore(agent=agent, version=version_list(agent).get(number=1))
    assert chosen(agent, "agent/front-desk@draft") == ("agent/front-desk@draft", "Be kind.")
    assert chosen(agent) == ("agent/front-desk@2", "Be brief.")
    assert not is_published(agent)


def test_traffic_is_split_and_whoever_is_known_stays_with_a_version() -> None:
    agent = make_agent("Be kind.", "Be brief.")
    agent_split_traffic(agent=agent, weights={1: 3, 2: 1})
    first = {name: chosen(agent, identity=name)[0] for name in map(str, range(200))}
    assert first == {name: chosen(agent, identity=name)[0] for name in first}
    kind = sum(name == "agent/front-desk@1" for name in first.values())
    assert 120 < kind < 180, "three quarters of 200, give or take"
    anybody = {chosen(agent)[0] for _ in range(60)}
    assert anybody == {"agent/front-desk@1", "agent/front-desk@2"}


def test_a_weight_of_0_is_no_share() -> None:
    agent = make_agent("Be kind.", "Be brief.")
    agent_split_traffic(agent=agent, weights={1: 1, 2: 0})
    assert {chosen(agent)[0] for _ in range(20)} == {"agent/front-desk@1"}


@pytest.mark.parametrize(
    ("weights", "why"),
    [({3: 1}, "no version 3"), ({1: 0}, "above 0"), ({}, "above 0"), ({1: 5000}, "1000")],
)
def test_weights_that_make_no_sense_are_refused(weights: dict[int, int], why: str) -> None:
    agent = make_agent("Be kind.")
    with pytest.raises(ValidationError, match=why):
        agent_split_traffic(agent=agent, weights=weights)
    assert chosen(agent)[0] == "agent/front-desk@1"


def test_a_duplicate_has_the_draft_and_no_versions() -> None:
    agent = make_agent("Be kind.")
    copies = [agent_duplicate(agent=agent), agent_duplicate(agent=agent)]
    assert [copy.slug for copy in copies] == ["front-desk-2", "front-desk-3"]
    assert copies[0].draft == agent_list().get(slug="front-desk").draft
    assert not version_list(copies[0]).exists()


def test_an_archived_agent_gets_no_sessions_until_it_is_taken_back() -> None:
    agent = make_agent("Be kind.")
    agent_archive(agent=agent)
    agent_archive(agent=agent)
    assert list(agent_list()) == []
    assert list(live_agents()) == []
    for name in ("agent/front-desk", "agent/front-desk@1", "agent/front-desk@draft"):
        with pytest.raises(AgentRefused, match="archived"):
            chosen(agent, name)
    with pytest.raises(ValidationError, match="archived"):
        agent_publish(agent=agent)
    agent_unarchive(agent=agent)
    assert chosen(agent)[0] == "agent/front-desk@1"
    assert actions()[-2:] == ["agent.archived", "agent.unarchived"]


def test_an_agent_is_renamed_and_tagged() -> None:
    agent = agent_update(agent=make_agent(), name="Reception", tags=["sales"])
    assert list(agent_list(tag="sales")) == [agent]
    assert list(agent_list(tag="support")) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("agent/nobody", "no agent 'nobody'"),
        ("agent/front-desk@9", "no version 9"),
        ("agent/front-desk@latest", "is no agent"),
        ("agent/", "is no agent"),
    ],
)
def test_what_is_not_there_is_refused(name: str, why: str) -> None:
    agent = make_agent("Be kind.")
    with pytest.raises(AgentRefused, match=why):
        chosen(agent, name)


def test_a_tool_that_is_not_there_keeps_an_agent_from_being_published() -> None:
    agent = make_agent()
    spec = structs.replace(saying("Be kind."), tools=["crystal-ball"])
    agent = agent_save_draft(agent=agent, spec=spec, revision=0)
    with pytest.raises(ValidationError) as refused:
        agent_publish(agent=agent)
    assert "crystal-ball" in refused.value.message_dict["tools"][0]


def test_mallory_gets_none_of_it(mallory: Person) -> None:
    make_agent("Be kind.")
    with pytest.raises(AgentRefused, match="no agent"):
        agent_choose(tenant_id=mallory.tenant.id, name="agent/front-desk")


def test_the_draft_is_talked_to_by_its_name() -> None:
    agent = make_agent()
    assert draft_preset(agent=agent, variables={"name": "Ann"}) == {
        "type": "realtime",
        "model": "agent/front-desk@draft",
        "providerData": {"antiphon": {"variables": {"name": "Ann"}}},
    }
