"""Usage for programs: sums and records, against lines made by hand."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.agents.services import agent_create, agent_publish
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from tests.api.clients import client_of
from tests.api.test_paging import pages_of
from tests.cast import Person
from tests.usage_lines import use

pytestmark = pytest.mark.django_db

NOON = datetime.now(UTC).replace(hour=12, minute=30, second=15, microsecond=0)
DAY = timedelta(days=1)


def sums(api: Client, **query: Any) -> dict[str | None, int]:
    """What each group is billed."""
    found = api.get("/api/v1/usage", query).json()
    assert found["price_micro"] == sum(group["price_micro"] for group in found["data"])
    return {group["group"]: group["price_micro"] for group in found["data"]}


def test_it_works_what_was_used_is_summed_up_each_way(alice: Person, api: Client, mallory: Person) -> None:
    key = alice.make_key(name="Phone line").key
    with tenant_context(mallory.tenant.id):
        use(NOON, quantity=1_000_000)
    with tenant_context(alice.tenant.id):
        version = agent_publish(agent=agent_create(slug="desk", name="Desk", template="receptionist"))
        whose = {"api_key_id": key.id, "agent_version_id": version.id}
        use(NOON, quantity=1, **whose)
        use(NOON, quantity=10, unit="input_text_token", estimated=True, **whose)
        use(NOON - DAY, quantity=100, unit="character", kind="speech", model="local/piper")
        use(NOON - DAY, quantity=7, customer_id=uuid.UUID(int=5), is_priced=False, price_micro=0)
        use(NOON - 40 * DAY, quantity=10_000)
    today, yesterday = NOON.date(), NOON.date() - DAY
    assert sums(api) == {str(yesterday): 300, str(today): 33}
    assert sums(api, by="kind") == {"response": 33, "speech": 300}
    assert sums(api, by="provider") == {"groq": 33, "local": 300}
    assert sums(api, by="model") == {"groq/some-model": 33, "local/piper": 300}
    assert sums(api, by="unit") == {"character": 300, "input_text_token": 30, "output_text_token": 3}
    assert sums(api, by="api_key") == {str(key.id): 33, None: 300}
    assert sums(api, by="agent") == {"desk": 33, None: 300}
    assert sums(api, by="agent_version") == {str(version.id): 33, None: 300}
    assert sums(api, by="customer") == {str(uuid.UUID(int=5)): 0, None: 333}
    assert sums(api, by="hour", first=today) == {f"{today}T12:00:00Z": 33}
    assert sums(api, first=today - 40 * DAY, last=yesterday) == {
        str(today - 40 * DAY): 30_000,
        str(yesterday): 300,
    }
    assert sums(api, by="kind", api_key_id=key.id) == {"response": 33}
    assert sums(api, by="kind", agent="-") == {"response": 0, "speech": 300}
    [desk] = api.get("/api/v1/usage", {"by": "agent", "agent": "desk"}).json()["data"]
    assert desk == {
        "group": "desk",
        "label": "Desk",
        "price_micro": 33,
        "estimated_micro": 30,
        "unpriced": 0,
        "records": 2,
        "quantities": {"output_text_token": 1, "input_text_token": 10},
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"first": "2026-02-02", "last": "2026-02-01"}, "first"),
        ({"first": "2020-01-01"}, "first"),
        ({"by": "hour"}, "by"),
        ({"by": "weather"}, "by"),
        ({"kind": "soup"}, "kind"),
    ],
)
def test_what_makes_no_question_is_told(query: dict[str, str], field: str, api: Client) -> None:
    response = api.get("/api/v1/usage", query)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_records_have_pages_with_and_without_a_filter(alice: Person, api: Client) -> None:
    with tenant_context(alice.tenant.id):
        for number in range(12):
            use(NOON - number * timedelta(minutes=25), quantity=number)
            use(NOON - number * timedelta(minutes=25), quantity=100, kind="speech")
        use(NOON - 90 * DAY, quantity=50, is_priced=False)
    path = "/api/v1/usage/records"
    assert sum(map(len, pages_of(api, path, limit=4))) == 25
    found = [line["quantity"] for page in pages_of(api, path, limit=5, kind="response") for line in page]
    assert found == [*range(12), 50]
    narrowed = pages_of(api, path, limit=2, kind="response", since=(NOON - timedelta(hours=2)).isoformat())
    assert [line["quantity"] for page in narrowed for line in page] == [0, 1, 2, 3, 4]
    earlier = pages_of(api, path, kind="response", before=(NOON - timedelta(hours=4)).isoformat())
    assert [line["quantity"] for page in earlier for line in page] == [10, 11, 50]
    assert [page[0]["quantity"] for page in pages_of(api, path, only_unpriced="true")] == [50]
    assert api.get(path, {"cursor": "soup", "kind": "speech"}).status_code == 422


def test_a_sessions_records_are_in_order(alice: Person, api: Client) -> None:
    with tenant_context(alice.tenant.id):
        RealtimeSession.objects.create(session_id="sess_1", model="x/y", started_at=NOON, alive_at=NOON)
        for number in range(5):
            use(NOON + number * timedelta(seconds=1), quantity=number)
        use(NOON, session_id="sess_other")
    pages = pages_of(api, "/api/v1/sessions/sess_1/usage", limit=2)
    assert [line["quantity"] for page in pages for line in page] == [0, 1, 2, 3, 4]
    assert api.get("/api/v1/usage/records", {"session_id": "sess_other"}).json()["data"][0]["quantity"] == 10


def test_nobody_is_told_what_the_operator_pays(alice: Person, api: Client) -> None:
    with tenant_context(alice.tenant.id):
        RealtimeSession.objects.create(session_id="sess_1", model="x/y", started_at=NOON, alive_at=NOON)
        line = use(NOON)
    for path in ("usage?by=model", "usage/records", "sessions/sess_1/usage"):
        text = api.get(f"/api/v1/{path}").content.decode()
        assert "price_micro" in text
        assert str(line.cost_micro) not in text
        assert "cost_micro" not in text


def test_a_tenant_has_its_own_usage_only(alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id):
        key = alice.make_key().key
        use(NOON, api_key_id=key.id)
    theirs = client_of(mallory, "usage.read")
    for query in ({}, {"session_id": "sess_1"}, {"api_key_id": str(key.id)}):
        assert theirs.get("/api/v1/usage/records", query).json() == {"data": [], "next_cursor": None}
    assert sums(theirs, by="api_key", api_key_id=key.id) == {}


def test_the_activity_is_that_of_sessions(alice: Person, api: Client) -> None:
    with tenant_context(alice.tenant.id):
        RealtimeSession.objects.create(
            session_id="sess_1", model="x/y", started_at=NOON - DAY, alive_at=NOON, turns=3, user_audio_ms=7
        )
    [day] = api.get("/api/v1/activity").json()["data"]
    assert (day["group"], day["sessions"], day["turns"], day["user_audio_ms"]) == (
        str(NOON.date() - DAY),
        1,
        3,
        7,
    )
