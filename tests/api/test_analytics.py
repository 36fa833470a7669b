"""How well agents do, for programs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apps.agents.services import agent_create, agent_publish
from apps.core.tenancy import tenant_context
from tests.analytics.conversations import looked_at, session_of, turns_of
from tests.api.clients import client_of
from tests.cast import Person

pytestmark = pytest.mark.django_db
PATH = "/api/v1/analytics"
YESTERDAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def talk(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        version = agent_publish(agent=agent_create(slug="desk", name="Front desk", template="receptionist"))
        session = session_of("sess_1", YESTERDAY, agent_version=version, cost_micro=500, interruptions=1)
        turns_of(session, (100, 200, 300), (100, 200, 500, True), (100, None, None))
        looked_at(session, "resolved", "positive")


def test_it_works(alice: Person, api: Client) -> None:
    talk(alice)
    [desk] = api.get(PATH, {"by": "agent"}).json()["data"]
    assert (desk["group"], desk["label"], desk["sessions"], desk["minutes"]) == ("desk", "Front desk", 1, 1)
    assert (desk["spoken"], desk["answered"], desk["interrupted_share"]) == (3, 2, 0.5)
    assert desk["latency"]["transcript"] == {"p50": 100, "p90": 100, "p95": 100, "p99": 100}
    assert desk["latency"]["total"]["p50"] == 700
    assert (desk["outcomes"], desk["resolved_share"]) == ({"resolved": 1}, 1)
    assert (desk["price_micro"], desk["micro_per_minute"]) == (500, 500)


def test_without_a_group_it_is_one_also_of_nothing(alice: Person, api: Client) -> None:
    [nothing] = api.get(PATH).json()["data"]
    assert (nothing["group"], nothing["sessions"], nothing["error_rate"]) == ("", 0, None)
    talk(alice)
    assert api.get(PATH).json()["data"][0]["sessions"] == 1
    assert api.get(PATH, {"agent": "nobody"}).json()["data"][0]["sessions"] == 0


def test_the_course_of_time_has_a_point_for_each_step(alice: Person, api: Client) -> None:
    talk(alice)
    days = {"first": str(YESTERDAY.date() - timedelta(days=2)), "last": str(YESTERDAY.date())}
    found = api.get(f"{PATH}/series", days).json()
    assert found["step"] == "day"
    assert [point["sessions"] for point in found["data"]] == [0, 0, 1]
    assert found["data"][2]["at"] == f"{YESTERDAY.date()}T00:00:00Z"
    assert len(api.get(f"{PATH}/series", {**days, "step": "hour"}).json()["data"]) == 72


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("", {"by": "key"}, "by"),
        ("", {"first": "2026-02-01", "last": "2026-01-01"}, "first"),
        ("/series", {"step": "hour"}, "step"),
        ("/series", {"first": "2020-01-01", "last": "2022-01-01"}, "first"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Client, path: str, query: dict[str, str], field: str) -> None:
    answer = api.get(f"{PATH}{path}", query)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_key_needs_the_scope_and_sees_its_own_tenant_only(alice: Person, mallory: Person) -> None:
    talk(alice)
    assert client_of(alice, "sessions.read").get(PATH).status_code == 403
    assert client_of(mallory, "usage.read").get(PATH).json()["data"][0]["sessions"] == 0
