"""A tenant's first page, its errors by kind, and the pages that need no account."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.conversations.models import RealtimeSession, SessionEvent
from apps.conversations.samples import samples_create
from apps.conversations.totals import Totals, sessions_by_day, totals_of
from apps.core.tenancy import tenant_context
from apps.dashboard.documents import documents
from apps.dashboard.overview import figures_of
from tests.cast import PASSWORD, Person
from tests.usage_lines import use

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture
def client(alice: Person) -> Client:
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    return client


def test_it_begins_with_a_checklist(client: Client, alice: Person) -> None:
    page = client.get("/acme/").content.decode()
    assert "How to begin" in page
    assert "http://testserver/t/acme/v1" in page
    assert not client.get("/acme/").context["has_key"]
    alice.make_key()
    assert client.get("/acme/").context["has_key"]


def test_once_there_are_sessions_it_tells_how_they_are(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        samples_create(sessions=40, days=14, with_events=40)
    page = client.get("/acme/?days=30")
    assert page.context["figures"][0].value == "40"
    assert sum(page.context["chart"]["series"][0]["values"]) == 40
    assert len(page.context["chart"]["moments"]) == 30
    assert "Last failures" in page.content.decode()
    for period in ("", "x", "5", "-1"):
        assert client.get("/acme/", {"days": period}).context["days"] == 7


def session(name: str, *, days_ago: float, **fields: object) -> RealtimeSession:
    at = timezone.now() - timedelta(days=days_ago)
    given = {"started_at": at, "alive_at": at, "ended_at": at + timedelta(minutes=3)} | fields
    return RealtimeSession.objects.create(session_id=name, model="local/dialogue", **given)


def test_totals_are_of_a_period_and_the_one_before(alice: Person, mallory: Person) -> None:
    with tenant_context(mallory.tenant.id):
        session("theirs", days_ago=1, response_ms=[9999])
    with tenant_context(alice.tenant.id):
        session("one", days_ago=1, errors=1, response_ms=[100, 300])
        session("two", days_ago=2, response_ms=[200])
        session("before", days_ago=8, response_ms=[50])
        session("long ago", days_ago=20)
        now, before = totals_of(until=timezone.now(), length=WEEK)
        by_day = sessions_by_day(until=timezone.now(), days=7)
    assert (now.sessions, now.minutes, now.error_rate) == (2, 6, 0.5)
    assert now.response_p50_ms == 200
    assert now.response_p95_ms == pytest.approx(290)
    assert (before.sessions, before.response_p50_ms) == (1, 50)
    assert [(sessions, failing) for _, sessions, failing in by_day][-3:] == [(1, 0), (1, 1), (0, 0)]


def test_the_spend_is_of_whole_days_and_of_those_before(client: Client, alice: Person) -> None:
    """As on the usage page."""
    now = timezone.now()
    with tenant_context(alice.tenant.id):
        session("one", days_ago=1)
        for days, quantity in ((0, 1000), (6, 2000), (7, 1500), (13, 500), (14, 7)):
            use(now - timedelta(days=days), quantity=quantity)
    [spend] = [figure for figure in client.get("/acme/?days=7").context["figures"] if figure.label == "Spend"]
    assert spend.value == "$0.0090"
    assert spend.delta == "50 % more than in the 7 days before"


def test_a_period_without_sessions_has_no_times(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        assert totals_of(until=timezone.now(), length=WEEK) == (Totals(), Totals())
    assert [figure.value for figure in figures_of(Totals(), Totals(), spent=(0, 0), days=7)] == [
        *("0", "0", "$0", "none", "none", "none")
    ]


def test_changes_say_which_way_is_good() -> None:
    now = Totals(sessions=20, failing=1, response_p50_ms=600)
    before = Totals(sessions=10, failing=1, response_p50_ms=500)
    figures = {figure.label: figure for figure in figures_of(now, before, spent=(0, 0), days=7)}
    assert figures["Sessions"].delta == "100 % more than in the 7 days before"
    assert figures["Sessions"].good == ""
    assert figures["Sessions with errors"].good == "yes"
    assert figures["Response, median"].good == "no"


class TestLogs:
    def add(self, alice: Person, type: str, **body: object) -> None:
        with tenant_context(alice.tenant.id):
            holder = RealtimeSession.objects.first() or session("one", days_ago=0)
            seq = SessionEvent.objects.count()
            given = {"type": type, **body}
            SessionEvent.objects.create(
                session=holder, seq=seq, at=timezone.now(), direction="engine", type=type, body=given
            )

    def test_errors_are_grouped_by_kind(self, client: Client, alice: Person) -> None:
        self.add(alice, "error", error={"code": "invalid_value", "type": "x", "message": "No such voice."})
        self.add(alice, "error", error={"code": "invalid_value", "type": "x", "message": "No such model."})
        self.add(alice, "model.failed", kind="rate_limited", message="Slow down.")
        self.add(alice, "response.done", response={"status": "completed"})
        groups = client.get("/acme/logs/").context["groups"]
        assert [(group.type, group.code, group.count, group.sessions) for group in groups] == [
            ("error", "invalid_value", 2, 1),
            ("model.failed", "rate_limited", 1, 1),
        ]
        page = client.get("/acme/logs/?type=model.failed&code=rate_limited")
        assert [text for _, text in page.context["rows"]] == ["Slow down."]
        assert "No such voice." not in page.content.decode()

    def test_no_errors_are_good_news(self, client: Client, alice: Person) -> None:
        assert "Nothing went wrong" in client.get("/acme/logs/").content.decode()


class TestPublicPages:
    @pytest.mark.parametrize("path", ["/docs/", "/docs/quickstart", "/docs/protocol", "/models"])
    def test_they_need_no_account(self, path: str) -> None:
        answer = Client(headers={"accept": "text/html"}).get(path)
        assert answer.status_code == 200

    def test_every_document_is_a_page_that_links_to_pages(self) -> None:
        client = Client()
        for document in documents():
            page = client.get(f"/docs/{document.name}").content.decode()
            assert document.title in page
            assert '.md"' not in page
            assert ".md#" not in page

    def test_there_is_no_other_document(self) -> None:
        for name in ("nothing", "README"):
            assert Client().get(f"/docs/{name}").status_code == 404
