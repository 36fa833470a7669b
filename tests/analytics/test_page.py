"""The analytics page: its numbers, its table, its file, and where its names lead."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.agents.services import agent_create, agent_publish
from apps.core.tenancy import tenant_context
from tests.analytics.conversations import looked_at, session_of, spoken_in, turns_of
from tests.cast import PASSWORD, Person

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=0, minute=5, second=0, microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def client(alice: Person) -> Client:
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    return client


@pytest.fixture
def talked(alice: Person) -> None:
    """Two sessions of Front desk, one of Kitchen that nobody spoke in, one without an agent ten days ago."""
    with tenant_context(alice.tenant.id):
        desk, kitchen = (
            agent_publish(agent=agent_create(slug=slug, name=name, template="receptionist"))
            for slug, name in (("desk", "Front desk"), ("kitchen", "Kitchen"))
        )
        first = session_of("sess_1", NOON - DAY, agent_version=desk, errors=1, cost_micro=2000)
        second = session_of("sess_2", NOON - 2 * DAY, agent_version=desk, lasted=180)
        session_of("sess_3", NOON - DAY, agent_version=kitchen)
        turns_of(first, (100, 200, 300), (100, 300, 400, True))
        turns_of(second, (200, 200, 200))
        looked_at(first, "resolved", "positive")
        looked_at(second, "abandoned", "negative")
        spoken_in(first, "en")
        turns_of(session_of("sess_4", NOON - 10 * DAY), (500, 500, 500))


def shown(client: Client, query: str) -> Any:
    answer = client.get(f"/acme/analytics/?{query}")
    assert answer.status_code == 200
    return answer


def labels(client: Client, query: str) -> list[str]:
    return [label for label, _, _ in shown(client, query).context["rows"]]


def test_it_works(client: Client, talked: None) -> None:
    answer = shown(client, "period=7")
    figures = {figure.label: figure for figure in answer.context["figures"]}
    assert {label: figure.value for label, figure in figures.items()} == {
        "Sessions": "3",
        "Minutes": "5",
        "Response, median": "600 ms",
        "Response, 95 of 100 within": "780 ms",
        "Interrupted answers": "33.3%",
        "Sessions with errors": "33.3%",
        "Resolved": "50.0%",
        "Cost per minute": "$0.000400",
    }
    assert figures["Sessions"].delta == "200 % more than in the 7 days before"
    assert (figures["Response, median"].delta, figures["Response, median"].good) == (
        "60 % less than in the 7 days before",
        "yes",
    )
    label, _, cells = answer.context["rows"][0]
    assert (label, dict(cells)["Response"], dict(cells)["Resolved"]) == ("Front desk", "600 ms", "50.0%")
    page = answer.content.decode()
    assert "Given up" in page
    assert "The client closed the connection" in page
    assert 'href="/docs/analytics#interruptions"' in page


def test_a_group_leads_to_its_sessions(client: Client, talked: None) -> None:
    answer = shown(client, "period=7&by=agent")
    addresses = {label: address for label, address, _ in answer.context["rows"]}
    listed = client.get(addresses["Kitchen"])
    assert [session.session_id for session in listed.context["page"].rows] == ["sess_3"]
    rows = shown(client, "period=30&by=version").context["rows"]
    assert [(label, bool(address)) for label, address, _ in rows] == [
        ("Front desk v1", True),
        ("No agent", False),
        ("Kitchen v1", True),
    ]
    listed = client.get(rows[0][1])
    assert {session.session_id for session in listed.context["page"].rows} == {"sess_1", "sess_2"}


def test_a_model_an_outcome_and_a_language_lead_to_theirs_too(
    client: Client, talked: None, alice: Person
) -> None:
    for way in ("model", "outcome", "language"):
        for label, address, cells in shown(client, f"period=30&by={way}").context["rows"]:
            if address:
                listed = client.get(address).context["page"].rows
                assert str(len(listed)) == dict(cells)["Sessions"], (way, label)
            else:
                assert label in ("Not told yet", "Not known")


def test_the_table_is_sorted_by_each_heading(client: Client, talked: None) -> None:
    assert labels(client, "period=7") == ["Front desk", "Kitchen"]
    assert labels(client, "period=7&sort=sessions") == ["Kitchen", "Front desk"]
    assert labels(client, "period=7&sort=-name") == ["Kitchen", "Front desk"]
    for query in ("period=30&sort=p50", "period=30&sort=-p50"):
        assert labels(client, query)[-1] == "Kitchen"  # nobody spoke: it has no response
    assert labels(client, "period=30&sort=nonsense") == ["Front desk", "No agent", "Kitchen"]


def test_it_is_narrowed_and_grouped(client: Client, talked: None) -> None:
    assert labels(client, "period=30&agent=desk&by=outcome") == ["Resolved", "Given up"]
    assert labels(client, "period=30&by=nothing") == ["All"]
    assert shown(client, "period=30&language=en").context["figures"][0].value == "1"
    assert shown(client, "period=30&outcome=-").context["figures"][0].value == "2"
    version = shown(client, "period=30&by=version").context["form"].names.of
    chips = shown(client, f"period=30&agent={next(iter(version))}").context["form"].chips
    assert [(label, value) for label, value, _ in chips] == [("Agent", "Front desk v1")]


def test_the_latencies_of_each_stage_are_drawn(client: Client, talked: None) -> None:
    chart = shown(client, "period=7&stage=transcript").context["latency_chart"]
    assert [series["label"] for series in chart["series"]] == [
        "Half within",
        "90 of 100 within",
        "99 of 100 within",
    ]
    assert [ms for ms in chart["series"][0]["values"] if ms is not None] == [200, 100]
    assert (chart["step"], chart["lines"], len(chart["moments"])) == ("day", True, 7)
    assert shown(client, "period=7&step=week").context["latency_chart"]["step"] == "week"
    assert shown(client, "period=7&agent=kitchen").context["latency_chart"] is None


def test_hours_of_many_days_are_refused_with_what_to_do(client: Client, talked: None) -> None:
    answer = shown(client, "period=30&step=hour")
    assert "Choose at most 7 days, or a longer step." in answer.content.decode()
    assert answer.context["step"] == "day"
    assert len(shown(client, "period=7&step=hour").context["sessions_chart"]["moments"]) > 6 * 24


def test_a_new_workspace_learns_what_will_be_here(client: Client) -> None:
    assert "Nothing to measure yet" in shown(client, "").content.decode()


def test_days_without_sessions_say_so(client: Client, talked: None) -> None:
    page = shown(client, "first=2020-01-01&last=2020-01-02").content.decode()
    assert "No session is like that" in page


def test_the_table_is_a_file_too(client: Client, talked: None) -> None:
    answer = client.get("/acme/analytics/export.csv?period=7&by=agent&sort=name")
    assert answer["content-disposition"].startswith('attachment; filename="analytics-acme-')
    desk, kitchen = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (desk["agent"], desk["label"], desk["sessions"], desk["minutes"]) == (
        "desk",
        "Front desk",
        "2",
        "4.0",
    )
    assert (desk["price_micro"], desk["price_usd"]) == ("2000", "0.002000")
    assert (desk["total_p50_ms"], desk["outcome_resolved"], desk["sentiment_negative"]) == ("600.0", "1", "1")
    assert (kitchen["total_p50_ms"], kitchen["interrupted_share"], kitchen["error_rate"]) == ("", "", "0.0")
