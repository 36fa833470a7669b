"""The audit log as people read it, and take it with them."""

import csv

import pytest
from asgiref.sync import async_to_sync

from apps.audit.acting import Actor, acting
from apps.audit.services import record
from apps.core.tenancy import tenant_context
from tests.cast import Person
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db


def note(person: Person, action: str, label: str = "Acme", **change: object) -> None:
    actor = Actor.person(person.user, address="192.0.2.7")
    with tenant_context(person.tenant.id), acting(actor):
        record(action=action, target=person.tenant, label=label, after=change)


def test_it_shows_what_was_changed_newest_first(alice: Person, mallory: Person) -> None:
    note(alice, "agent.published", prompt="Be kind")
    note(alice, "agent.renamed", name="Front desk")
    note(mallory, "agent.stolen")
    page = signed_in(alice).get("/acme/audit/").content.decode()
    assert page.index(">agent.renamed") < page.index(">agent.published")
    assert "Front desk" in page
    assert "192.0.2.7" in page
    assert "agent.stolen" not in page


def test_pages_follow_each_other_without_gap_or_repetition(alice: Person) -> None:
    for number in range(120):
        note(alice, f"step.n{number:03}")
    client, url, seen = signed_in(alice), "/acme/audit/?action=step", []
    while url:
        response = client.get(url)
        seen += [event.action for event in response.context["events"]]
        older = response.context["older"]
        url = older and f"/acme/audit/{older}"
    assert seen == [f"step.n{number:03}" for number in reversed(range(120))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actor=ALICE", True),
        ("actor=bob", False),
        ("action=agent", True),
        ("action=agent.pub", True),
        ("action=key", False),
        ("target=front", True),
        ("first=2020-01-01&last=2099-01-01", True),
        ("last=2020-01-01", False),
        ("after=nonsense", True),
    ],
)
def test_it_is_filtered(alice: Person, query: str, found: bool) -> None:
    note(alice, "agent.published", "Front desk")
    page = signed_in(alice).get(f"/acme/audit/?{query}").content.decode()
    assert (">agent.published</code>" in page) == found


def test_a_day_that_can_not_be_read_is_told(alice: Person) -> None:
    assert "Enter a valid date" in signed_in(alice).get("/acme/audit/?first=yesterday").content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_is_exported_as_it_is_filtered(alice: Person) -> None:
    note(alice, "agent.published", "=cmd()")
    note(alice, "key.made")
    response = signed_in(alice).get("/acme/audit/export/?action=agent")
    assert response["content-disposition"] == 'attachment; filename="audit-acme.csv"'

    async def collect() -> str:
        return b"".join([part async for part in response.streaming_content]).decode()

    rows = list(csv.DictReader(async_to_sync(collect)().splitlines()))
    assert [(row["action"], row["actor_label"]) for row in rows] == [("agent.published", "alice@example.com")]
    assert rows[0]["target_label"] == "'=cmd()"
