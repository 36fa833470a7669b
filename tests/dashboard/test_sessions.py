"""The list of sessions, a session's pages, and who may do what with them."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.conversations.samples import samples_create, samples_delete
from apps.conversations.selectors import session_list
from apps.core.tenancy import tenant_context
from apps.dashboard.paging import PAGE_ROWS
from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return signed_in(alice)


@pytest.fixture
def samples(alice: Person) -> list[RealtimeSession]:
    """The newest first."""
    with tenant_context(alice.tenant.id):
        samples_create(sessions=130, days=20, with_events=20)
        return list(RealtimeSession.objects.all())


def make(name: str, **fields: Any) -> RealtimeSession:
    now = timezone.now()
    given = {"model": "local/dialogue", "started_at": now, "alive_at": now, "ended_at": now} | fields
    return RealtimeSession.objects.create(session_id=name, **given)


def names_on(client: Client, query: str = "") -> set[str]:
    page = client.get(f"/acme/sessions/?{query}").content.decode()
    return {name for name in ("sess_one", "sess_two", "sess_three") if name in page}


def test_it_works(client: Client, samples: list[RealtimeSession]) -> None:
    page = client.get("/acme/sessions/").content.decode()
    assert samples[0].session_id[:15] in page
    assert f"/acme/sessions/{samples[0].session_id}/" in page
    assert "The client closed the connection" in page


def test_a_tenant_without_sessions_is_told_what_will_be_here(client: Client, alice: Person) -> None:
    assert "No sessions yet" in client.get("/acme/sessions/").content.decode()


def test_a_filter_that_finds_nothing_leads_back_to_all(
    client: Client, samples: list[RealtimeSession]
) -> None:
    page = client.get("/acme/sessions/?model=nobody/").content.decode()
    assert "No session is like that" in page
    assert "Show all sessions" in page


def test_pages_follow_each_other_without_gap_or_repetition(
    client: Client, samples: list[RealtimeSession]
) -> None:
    seen: list[str] = []
    address = "/acme/sessions/"
    backwards = []
    while address:
        context = client.get(address).context
        seen += [row.session_id for row in context["page"].rows]
        backwards.append(context["page"].newer)
        older = context["page"].older
        address = f"/acme/sessions/?cursor={older}" if older else ""
    assert seen == [session.session_id for session in samples]
    again = client.get(f"/acme/sessions/?cursor={backwards[-1]}").context["page"].rows
    before_the_last = PAGE_ROWS * (len(backwards) - 2)
    assert [row.session_id for row in again] == seen[before_the_last : before_the_last + PAGE_ROWS]


def test_a_cursor_that_nobody_gave_out_leads_to_the_first_page(
    client: Client, samples: list[RealtimeSession]
) -> None:
    for cursor in ("x", "o1.2", "o99999999999999999999.", "n"):
        rows = client.get("/acme/sessions/", {"cursor": cursor}).context["page"].rows
        assert rows[0].session_id == samples[0].session_id


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("model=groq/", {"sess_two"}),
        ("model=local/dialogue", {"sess_one", "sess_three"}),
        ("kind=transcription", {"sess_three"}),
        ("ended=crashed", {"sess_two"}),
        ("since=2026-01-02&until=2026-01-02", {"sess_two"}),
        ("until=2026-01-02", {"sess_one", "sess_two"}),
        ("shortest=60", {"sess_two"}),
        ("longest=59", {"sess_one", "sess_three"}),
        ("cost=0.5", {"sess_three"}),
        ("errors_only=on", {"sess_one"}),
        ("q=refund", {"sess_two"}),
        ("q=%22my+money%22+-refund", {"sess_one"}),
        ("model=local/&errors_only=on", {"sess_one"}),
    ],
)
def test_filters_find_just_what_they_say(client: Client, alice: Person, query: str, found: set[str]) -> None:
    day = timezone.now().replace(2026, 1, 1, 12)
    with tenant_context(alice.tenant.id):
        one = make("sess_one", started_at=day, ended_at=day + timedelta(seconds=5), errors=2)
        later = day + timedelta(days=1)
        two = make(
            "sess_two",
            started_at=later,
            ended_at=later + timedelta(minutes=2),
            model="groq/some-model",
            end_reason="crashed",
        )
        last = later + timedelta(days=1)
        make("sess_three", started_at=last, ended_at=last, kind="transcription", cost_micro=600_000)
        SessionText.objects.create(session=one, text="I want my money back.")
        SessionText.objects.create(session=two, text="I want a refund, my money.")
    assert names_on(client, query) == found


def test_a_filter_of_a_key_shows_its_sessions(client: Client, alice: Person) -> None:
    key = alice.make_key(name="Phone line").key
    with tenant_context(alice.tenant.id):
        make("sess_one", api_key=key)
        make("sess_two")
    assert names_on(client, f"key={key.id}") == {"sess_one"}


def test_what_cannot_be_asked_is_said_and_asks_for_nothing(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        make("sess_one")
    page = client.get("/acme/sessions/?since=yesterday&ended=never").content.decode()
    assert "Enter a valid date." in page
    assert "sess_one" in page


def test_running_sessions_stand_at_the_top_and_are_kept_up_to_date(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        make("sess_one", ended_at=None)
    page = client.get("/acme/sessions/").content.decode()
    assert "Running now" in page
    assert 'hx-trigger="every 4s"' in page
    assert "sess_one" in client.get("/acme/sessions/running/").content.decode()
    with tenant_context(alice.tenant.id):
        RealtimeSession.objects.update(ended_at=timezone.now())
    assert "hx-trigger" not in client.get("/acme/sessions/running/").content.decode()


def test_columns_are_chosen_for_good(client: Client, samples: list[RealtimeSession]) -> None:
    assert "Interruptions</th>" not in client.get("/acme/sessions/").content.decode()
    chosen = {"columns": ["started", "interruptions", "nonsense"]}
    response = client.post("/acme/sessions/columns/", chosen, headers={"referer": "http://x/y?model=groq/"})
    assert response["location"] == "/acme/sessions/?model=groq/"
    page = client.get("/acme/sessions/").content.decode()
    assert "Interruptions</th>" in page
    assert "Cost</th>" not in page


@pytest.mark.django_db(transaction=True)
async def test_the_export_has_every_session_that_the_filter_finds(alice: Person) -> None:
    def prepare() -> None:
        with tenant_context(alice.tenant.id):
            samples_create(sessions=60, days=5, with_events=0)
            make("sess_one", model="=cmd()")

    await asyncio.to_thread(prepare)
    client = AsyncClient()
    await client.aforce_login(alice.user)
    response: Any = await client.get("/acme/sessions/export.csv")
    text = b"".join([part async for part in response.streaming_content]).decode()
    assert len(text.splitlines()) == 62
    assert "'=cmd()" in text  # no spreadsheet takes it for a formula
    response = await client.get("/acme/sessions/export.csv?model==cmd")
    text = b"".join([part async for part in response.streaming_content]).decode()
    assert len(text.splitlines()) == 2


class TestOneSession:
    @pytest.fixture
    def session(self, samples: list[RealtimeSession]) -> RealtimeSession:
        return max(samples[:20], key=lambda session: session.turns)

    def page(self, client: Client, session: RealtimeSession, tab: str = "") -> Any:
        return client.get(f"/acme/sessions/{session.session_id}/{tab}")

    def test_every_tab_is_there(self, client: Client, session: RealtimeSession) -> None:
        for tab in ("", "transcript/", "latency/", "cost/", "events/", "raw/"):
            assert self.page(client, session, tab).status_code == 200

    def test_the_call_finds_it_too(self, client: Client, session: RealtimeSession) -> None:
        assert client.get(f"/acme/sessions/{session.call_id}/").status_code == 200

    def test_the_transcript_has_each_turn(self, client: Client, session: RealtimeSession) -> None:
        lines = self.page(client, session, "transcript/").context["lines"]
        entries = [line.entry for line in lines]
        spoken = [entry for entry in entries if entry.kind in ("user", "assistant")]
        assert len(spoken) == 2 * session.turns
        with tenant_context(session.tenant_id):
            text = session.said.text
        assert all(entry.text in text for entry in spoken)

    def test_the_latency_of_each_turn_has_its_stages(self, client: Client, session: RealtimeSession) -> None:
        rows = self.page(client, session, "latency/").context["waterfall"].rows
        assert all(abs(row.turn.total - ms) <= 2 for row, ms in zip(rows, session.response_ms, strict=True))
        assert [bar.name for bar in rows[0].bars] == ["transcript", "first token", "first audio"]

    def test_the_cost_has_each_part_with_its_rate(self, client: Client, session: RealtimeSession) -> None:
        page = self.page(client, session, "cost/").content.decode()
        assert "Speech to text" in page
        assert "$0.6 per million tokens" in page

    def test_events_are_found_by_their_type(self, client: Client, session: RealtimeSession) -> None:
        rows = self.page(client, session, "events/?type=usage&direction=engine").context["rows"]
        assert {row["event"].type for row in rows} == {"usage"}
        rest = self.page(client, session, f"events/?after={rows[0]['event'].seq}").context["rows"]
        assert rest[0]["event"].seq == rows[0]["event"].seq + 1

    def test_another_tenant_finds_nothing(self, mallory: Person, session: RealtimeSession) -> None:
        client = signed_in(mallory)
        assert client.get(f"/mallory-inc/sessions/{session.session_id}/").status_code == 404
        assert client.get(f"/acme/sessions/{session.session_id}/").status_code == 404

    def test_an_admin_deletes_it_with_all_that_was_said(
        self, client: Client, session: RealtimeSession
    ) -> None:
        response = client.post(f"/acme/sessions/{session.session_id}/delete/")
        assert response["location"] == "/acme/sessions/"
        with tenant_context(session.tenant_id):
            assert not SessionEvent.objects.filter(session_id=session.id).exists()
            assert not SessionText.objects.filter(session_id=session.id).exists()
            event = AuditEvent.objects.get(action="session.deleted")
        assert event.target_label == session.session_id

    def test_a_developer_does_not(self, bob: Person, session: RealtimeSession) -> None:
        client = signed_in(bob)
        assert client.post(f"/acme/sessions/{session.session_id}/delete/").status_code == 403
        assert "Delete…" not in self.page(client, session).content.decode()

    def test_one_that_runs_is_not_deleted(self, client: Client, session: RealtimeSession) -> None:
        with tenant_context(session.tenant_id):
            RealtimeSession.objects.filter(id=session.id).update(ended_at=None)
        page = client.post(f"/acme/sessions/{session.session_id}/delete/", follow=True).content.decode()
        assert "end it first" in page

    @pytest.mark.django_db(transaction=True)
    async def test_it_downloads_whole(self, alice: Person) -> None:
        def prepare() -> RealtimeSession:
            with tenant_context(alice.tenant.id):
                samples_create(sessions=1, days=1, with_events=1)
                return RealtimeSession.objects.get()

        session = await asyncio.to_thread(prepare)
        client = AsyncClient()
        await client.aforce_login(alice.user)
        response: Any = await client.get(f"/acme/sessions/{session.session_id}/download.json")
        found = json.loads(b"".join([part async for part in response.streaming_content]))
        assert found["session_id"] == session.session_id
        assert [event["seq"] for event in found["events"]] == list(range(len(found["events"])))
        assert found["events"][-1]["type"] == "session.ended"


def test_viewers_see_sessions_and_change_none(alice: Person, samples: list[RealtimeSession]) -> None:
    client = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
    at = f"/acme/sessions/{samples[0].session_id}/"
    assert client.get(at).status_code == 200
    assert client.post(f"{at}delete/").status_code == 403
    assert client.post(f"{at}end/").status_code == 403


def test_samples_go_without_a_trace(alice: Person, samples: list[RealtimeSession]) -> None:
    with tenant_context(alice.tenant.id):
        make("sess_one")
        assert sum(samples_delete()) == len(samples)
        assert [session.session_id for session in session_list()] == ["sess_one"]
        assert not SessionText.objects.exists()
