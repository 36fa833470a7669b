"""What people and programs see of what was said, and of what came of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.conversations import selectors
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.jobs.models import Job, JobState
from apps.tenants.models import Role
from apps.transcripts.entries import Entry
from apps.transcripts.models import Insights
from apps.transcripts.services import transcript_keep
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return signed_in(alice)


def make(alice: Person, name: str, said: str, *, language: str = "en", **insights: Any) -> RealtimeSession:
    now = timezone.now()
    with tenant_context(alice.tenant.id):
        session = RealtimeSession.objects.create(
            session_id=name,
            model="local/dialogue",
            started_at=now - timedelta(minutes=1),
            alive_at=now,
            ended_at=now,
        )
        user = Entry(kind="user", start_ms=1000, end_ms=3000, text=said, language=language)
        agent = Entry(kind="assistant", start_ms=3500, end_ms=5000, text="I see,", unheard="and I regret it.")
        transcript_keep(session=session, entries=[user, agent], turns=[])
        if insights:
            Insights.objects.create(session=session, made_at=now, **{"model": "local/extract"} | insights)
        return session


def job(alice: Person, session: RealtimeSession, kind: str, state: str, **fields: Any) -> None:
    with tenant_context(alice.tenant.id):
        Job.objects.create(
            kind=kind,
            key=str(session.id),
            session_id=session.session_id,
            state=state,
            run_at=timezone.now(),
            **fields,
        )


def page(client: Client, address: str) -> str:
    response = client.get(f"/acme/sessions/{address}")
    assert response.status_code == 200
    return response.content.decode()


class TestSearch:
    def test_it_works_the_words_are_shown_where_they_were_said(self, alice: Person, client: Client) -> None:
        make(
            alice,
            "sess_one",
            "Well, my parcel & my letter have never arrived, and I waited for them all day.",
        )
        make(alice, "sess_two", "I want a refund.")
        shown = page(client, "?q=parcel")
        assert "my <mark>parcel</mark> &amp; my letter have never arrived" in shown
        assert "sess_two" not in shown

    def test_what_nobody_heard_is_not_found(self, alice: Person, client: Client) -> None:
        make(alice, "sess_one", "Hello.")
        assert "sess_one" not in page(client, "?q=regret")

    @pytest.mark.parametrize(
        ("query", "found"),
        [("outcome=resolved", "sess_one"), ("mood=negative", "sess_two"), ("language=de", "sess_two")],
    )
    def test_how_it_went_is_a_filter(self, alice: Person, client: Client, query: str, found: str) -> None:
        make(alice, "sess_one", "Thanks.", outcome="resolved", sentiment="positive")
        make(alice, "sess_two", "Nein!", language="de", outcome="unresolved", sentiment="negative")
        shown = page(client, f"?{query}")
        assert {name for name in ("sess_one", "sess_two") if name in shown} == {found}


class TestTranscript:
    def test_what_nobody_heard_is_struck_through(self, alice: Person, client: Client) -> None:
        make(alice, "sess_one", "Hello.")
        shown = page(client, "sess_one/transcript/")
        assert 'data-start="1000" data-end="3000"' in shown
        assert 'title="Not heard: the user spoke first">and I regret it.</del>' in shown


class TestSummary:
    def test_it_says_what_came_of_it(self, alice: Person, client: Client) -> None:
        make(
            alice,
            "sess_one",
            "Hello.",
            summary="They said hello.",
            outcome="resolved",
            sentiment="positive",
            data={"order": 12},
            model="groq/writer",
        )
        shown = page(client, "sess_one/")
        for words in ("They said hello.", "Resolved", "Positive mood", "order", "12", "groq/writer"):
            assert words in shown

    def test_what_is_still_made_comes_by_itself(self, alice: Person, client: Client) -> None:
        session = make(alice, "sess_one", "Hello.")
        job(alice, session, "session.insights", JobState.RUNNING)
        assert 'hx-get="/acme/sessions/sess_one/insights/"' in page(client, "sess_one/")
        assert "Summary: being made" in page(client, "sess_one/insights/")

    def test_what_failed_says_why_and_can_be_run_again(self, alice: Person, client: Client) -> None:
        session = make(alice, "sess_one", "Hello.")
        job(alice, session, "session.insights", JobState.FAILED, error="No model is called 'x/y'.")
        assert "No model is called &#x27;x/y&#x27;." in page(client, "sess_one/")
        client.post("/acme/sessions/sess_one/again/", {"kind": "session.insights"})
        with tenant_context(alice.tenant.id):
            assert Job.objects.get().state == JobState.WAITING
            assert AuditEvent.objects.filter(action="session.processed_again").exists()

    def test_a_summary_can_be_made_again(self, alice: Person, client: Client) -> None:
        session = make(alice, "sess_one", "Hello.", summary="Old.")
        job(alice, session, "session.insights", JobState.DONE)
        assert "Summarise again" in page(client, "sess_one/")
        client.post("/acme/sessions/sess_one/again/", {"kind": "session.insights"})
        with tenant_context(alice.tenant.id):
            assert Job.objects.get().state == JobState.WAITING

    def test_nothing_else_is_run_again(self, alice: Person, client: Client) -> None:
        session = make(alice, "sess_one", "Hello.")
        job(alice, session, "privacy.erase", JobState.FAILED)
        response = client.post("/acme/sessions/sess_one/again/", {"kind": "privacy.erase"}, follow=True)
        assert "There is nothing of the kind to run again." in response.content.decode()

    def test_a_viewer_only_looks(self, alice: Person) -> None:
        session = make(alice, "sess_one", "Hello.")
        job(alice, session, "session.insights", JobState.FAILED, error="It broke.")
        viewer = signed_in(member_of(alice.tenant, "vera", Role.VIEWER))
        assert "Run again" not in page(viewer, "sess_one/")


class TestApi:
    def get(self, alice: Person, path: str) -> Any:
        key = alice.make_key(scopes=["sessions.read"]).text
        return Client(headers={"authorization": f"Bearer {key}"}).get(f"/api/v1/sessions{path}")

    def test_a_transcript_is_a_document(self, alice: Person) -> None:
        make(alice, "sess_one", "Hello.", summary="They said hello.", outcome="resolved")
        told = self.get(alice, "/sess_one/transcript").json()
        assert told["is_final"]
        assert (told["summary"], told["outcome"], told["languages"]) == (
            "They said hello.",
            "resolved",
            ["en"],
        )
        assert [entry["text"] for entry in told["entries"]] == ["Hello.", "I see,"]
        assert told["entries"][1]["unheard"] == "and I regret it."

    def test_insights_are_there_when_they_are_made(self, alice: Person) -> None:
        make(alice, "sess_one", "Hello.", summary="They said hello.", data={"order": 12})
        assert self.get(alice, "/sess_one/insights").json()["data"] == {"order": 12}
        make(alice, "sess_two", "Hello.")
        assert self.get(alice, "/sess_two/insights").status_code == 404

    def test_sessions_are_listed_by_how_they_went(self, alice: Person) -> None:
        make(alice, "sess_one", "Thanks.", outcome="resolved")
        make(alice, "sess_two", "Nein!", language="de", outcome="unresolved")
        listed = self.get(alice, "?outcome=unresolved&language=de").json()
        assert [row["session_id"] for row in listed["data"]] == ["sess_two"]


class TestWordsThatManySay:
    """Those are found by reading the newest sessions."""

    @pytest.fixture(autouse=True)
    def many_is_more_than_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "_FEW", 1)

    def test_they_are_found_all_the_same(self, alice: Person, client: Client) -> None:
        make(alice, "sess_one", "My parcel is lost.")
        make(alice, "sess_two", "Where is my parcel?", outcome="resolved")
        make(alice, "sess_six", "I want a refund.")
        with tenant_context(alice.tenant.id):
            assert {s.session_id for s in selectors.session_list(text="parcel")} == {"sess_one", "sess_two"}
            assert [s.session_id for s in selectors.session_list(text="refund or -my")] == ["sess_six"]
            assert [s.session_id for s in selectors.session_list(text="parcel", outcome="resolved")] == [
                "sess_two"
            ]

    def test_another_tenants_are_not(self, alice: Person, mallory: Person) -> None:
        make(alice, "sess_one", "My parcel is lost.")
        make(alice, "sess_two", "Where is my parcel?")
        with tenant_context(mallory.tenant.id):
            assert not selectors.session_list(text="parcel").exists()
