"""The event log in the database: complete, in order, its tenant's alone, through outages and until it expires."""

import asyncio
import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from channels.db import database_sync_to_async
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from antiphon.engine.observers.log import LogObserver
from antiphon.engine.ports import Ending
from antiphon.protocol import server_events as ev
from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.items import InputText, Message
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.tts import ScriptedTts
from apps.conversations.calls import BALANCE_USED_UP
from apps.conversations.event_log import EventLog
from apps.conversations.log_store import EventRow, LogStore, SessionOpened
from apps.conversations.models import EndReason, RealtimeSession, SessionEvent
from apps.conversations.selectors import session_events, session_find, session_list
from apps.conversations.services import end_reason_of
from apps.conversations.tasks import close_abandoned_sessions
from apps.core.tenancy import across_tenants, tenant_context
from apps.jobs.models import Job
from tests.cast import PASSWORD, Person
from tests.engine.session_harness import Stage

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

GOODBYE = Ending(1000, "", by_client=True)
MakeLog = Callable[..., EventLog]


@pytest.fixture
def make_log() -> Iterator[MakeLog]:
    """Makes event logs that are stopped after the test, if it has not done so."""
    logs: list[EventLog] = []

    def make(**settings: Any) -> EventLog:
        logs.append(EventLog(**settings))
        logs[-1].start()
        return logs[-1]

    yield make
    for log in logs:
        log.stop()


class Outage:
    """The database can't be reached while this lasts; connections that are open are broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def begin(self) -> None:
        break_connections()
        self._monkeypatch.setitem(connections.settings["across"], "HOST", "/nowhere")

    def end(self) -> None:
        self._monkeypatch.undo()


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch)


def break_connections() -> None:
    with psycopg.connect(**connections["across"].get_connection_params()) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'antiphon event log'"
        )


async def in_thread(work: Callable[..., Any], *args: Any) -> Any:
    """In a thread that leaves no connection behind."""
    return await database_sync_to_async(work, thread_sensitive=False)(*args)


def opened(person: Person, session_id: str = "sess_1", **fields: Any) -> SessionOpened:
    return SessionOpened(
        id=uuid.uuid4(),
        tenant_id=person.tenant.id,
        session_id=session_id,
        api_key_id=fields.pop("api_key_id", None),
        model=fields.pop("model", "local/test"),
        started_at=timezone.now(),
        **fields,
    )


def observe(observer: LogObserver, *events: object) -> None:
    for event in events:
        observer(event, asyncio.get_running_loop().time() * 1000)


async def hold(log: EventLog, session: SessionOpened, *events: object) -> None:
    """A whole session in which this happens."""
    with log.session(session) as observer:
        observe(observer, *events, GOODBYE)


def error(number: int, text: str = "") -> ev.Error:
    return ev.Error(
        event_id=f"event_{number}", error=ErrorBody(type="server_error", message=text or str(number))
    )


def delta(text: str, item_id: str = "item_1") -> ev.OutputTextDelta:
    return ev.OutputTextDelta(
        response_id="resp_1", output_index=0, item_id=item_id, content_index=0, delta=text
    )


def user_item(item_id: str) -> ev.ItemDone:
    message = Message(id=item_id, role="user", content=[InputText(text="hi")])
    return ev.ItemDone(previous_item_id=None, item=message)


def rows_of(person: Person, session_id: str = "sess_1") -> list[SessionEvent]:
    with tenant_context(person.tenant.id):
        session = session_find(session_id)
        return list(session_events(session)) if session else []


def row_of(person: Person, session_id: str = "sess_1") -> RealtimeSession:
    with tenant_context(person.tenant.id):
        return RealtimeSession.objects.get(session_id=session_id)


def numbers(rows: Sequence[SessionEvent]) -> list[int]:
    return [int(row.body["event_id"].removeprefix("event_")) for row in rows if row.type == "error"]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "It did not happen within 10 s."
        time.sleep(0.02)


# A session's log


async def test_it_works_a_session_reads_back_as_its_client_saw_it(alice: Person, make_log: MakeLog) -> None:
    stage = Stage(llm=ScriptedLlm(say("Hello there. How are you?")), tts=ScriptedTts(ms_per_character=50))
    log = make_log()
    with log.session(opened(alice)) as observer:
        stage.observers.append(observer)
        async with stage.session() as client:
            client.say("hi")
            await client.wait_for("response.done")
    await in_thread(log.stop)
    rows = await in_thread(rows_of, alice)
    seen = [event for event in client.events if not event["type"].endswith(".delta")]
    assert [row.body for row in rows if row.direction == "server" and not row.type.endswith(".delta")] == seen
    assert [row.type for row in rows if row.direction == "client"] == [
        "conversation.item.create",
        "response.create",
    ]
    words = [row.body["delta"] for row in rows if row.type == "response.output_audio_transcript.delta"]
    assert "".join(words) == "Hello there. How are you?"
    audio_ms = sum(row.body["audio_ms"] for row in rows if row.type == "response.output_audio.delta")
    assert audio_ms == 50 * len("Hello there. How are you?")
    assert [row.seq for row in rows] == list(range(len(rows)))
    session = await in_thread(row_of, alice)
    assert (session.turns, session.responses, session.errors) == (1, 1, 0)
    assert session.assistant_audio_ms == audio_ms
    assert session.end_reason == EndReason.CLIENT_CLOSED
    assert session.started_at <= rows[0].at <= rows[-1].at <= session.ended_at <= timezone.now()


async def test_what_is_known_when_a_session_begins_is_in_its_row(alice: Person, make_log: MakeLog) -> None:
    key = await in_thread(lambda: alice.make_key().key)
    log = make_log()
    about = opened(
        alice, api_key_id=key.id, call_id="rtc_1", safety_identifier="user-7", kind="transcription"
    )
    await hold(log, about)
    await in_thread(log.stop)
    session = await in_thread(row_of, alice)
    assert (session.id, session.api_key_id, session.model) == (about.id, key.id, "local/test")
    assert (session.call_id, session.safety_identifier, session.kind) == ("rtc_1", "user-7", "transcription")
    assert (session.close_code, session.get_end_reason_display()) == (
        1000,
        "The client closed the connection",
    )


async def test_an_open_session_shows_at_once_and_gives_signs_of_life(
    alice: Person, make_log: MakeLog
) -> None:
    log = make_log(heartbeat_seconds=0.1)
    with log.session(opened(alice)) as observer:
        observe(observer, user_item("item_1"))
        await in_thread(eventually, lambda: len(rows_of(alice)) == 1)
        await in_thread(eventually, lambda: row_of(alice).turns == 1)
        first = (await in_thread(row_of, alice)).alive_at
        await in_thread(eventually, lambda: row_of(alice).alive_at > first)
        assert (await in_thread(row_of, alice)).ended_at is None
    await in_thread(eventually, lambda: row_of(alice).ended_at is not None)


async def test_a_session_that_fails_before_it_runs_is_ended_too(alice: Person, make_log: MakeLog) -> None:
    log = make_log()
    with pytest.raises(RuntimeError), log.session(opened(alice)):
        raise RuntimeError
    await in_thread(log.stop)
    assert (await in_thread(row_of, alice)).end_reason == EndReason.SERVER_ERROR


async def test_events_of_many_sessions_at_once_stay_in_order(
    alice: Person, mallory: Person, make_log: MakeLog
) -> None:
    log = make_log()
    chance = random.Random(1)
    people = [alice, mallory] * 20

    async def talk(index: int, person: Person) -> None:
        with log.session(opened(person, f"sess_{index}")) as observer:
            for number in range(100):
                observe(observer, error(number))
                if chance.random() < 0.1:
                    await asyncio.sleep(0.01)
            observe(observer, GOODBYE)

    await asyncio.gather(*(talk(index, person) for index, person in enumerate(people)))
    await in_thread(log.stop)
    for index, person in enumerate(people):
        rows = await in_thread(rows_of, person, f"sess_{index}")
        assert [row.seq for row in rows] == list(range(101))
        assert numbers(rows) == list(range(100))


# Outages


async def test_an_outage_loses_nothing_and_is_one_warning(
    alice: Person, make_log: MakeLog, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log()
    with caplog.at_level(logging.INFO), log.session(opened(alice)) as observer:
        observe(observer, *map(error, range(10)))
        await in_thread(eventually, lambda: len(rows_of(alice)) == 10)
        outage.begin()
        observe(observer, *map(error, range(10, 1500)))
        await asyncio.sleep(1.5)  # for several tries
        await hold(log, opened(alice, "sess_2"), error(1))
        outage.end()
        observe(observer, error(1500))
        await in_thread(eventually, lambda: len(rows_of(alice)) == 1501)
    await in_thread(log.stop)
    assert numbers(await in_thread(rows_of, alice)) == list(range(1501))
    assert numbers(await in_thread(rows_of, alice, "sess_2")) == [1]
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if "event_log_waits_for_the_database" in line]) == 1
    assert len([line for line in told if "event_log_written_again" in line]) == 1


async def test_connections_that_break_again_and_again_neither_lose_nor_repeat_anything(
    alice: Person, make_log: MakeLog
) -> None:
    log = make_log()
    with log.session(opened(alice)) as observer:
        for number in range(2000):
            observe(observer, error(number))
            if number % 200 == 0:
                await in_thread(break_connections)
                await asyncio.sleep(0.05)
    await in_thread(log.stop)
    assert numbers(await in_thread(rows_of, alice)) == list(range(2000))


def test_a_batch_that_was_written_although_it_seemed_to_fail_is_not_there_twice(alice: Person) -> None:
    session = opened(alice)
    now = timezone.now()
    rows = [
        EventRow(alice.tenant.id, session.id, seq, now, "server", "error", None, None, "{}", False)
        for seq in range(5)
    ]
    store = LogStore()
    store.write([session, *rows[:3]])
    with pytest.raises(psycopg.IntegrityError):
        store.write([session, *rows])
    store.write([session, *rows], again=True)
    store.close()
    assert [row.seq for row in rows_of(alice)] == [0, 1, 2, 3, 4]


async def test_beyond_the_bound_the_oldest_deltas_are_lost_and_the_log_says_how_many(
    alice: Person, make_log: MakeLog, outage: Outage
) -> None:
    log = make_log(most_bytes=100_000)
    outage.begin()
    with log.session(opened(alice)) as observer:
        for _ in range(100):
            observe(observer, delta("x" * 1000), user_item("item_1"))  # the item ends its deltas
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        outage.end()
        await in_thread(eventually, lambda: bool(rows_of(alice)))
    await in_thread(log.stop)
    rows = await in_thread(rows_of, alice)
    [gap] = [row for row in rows if row.type == "log.gap"]
    deltas = [row for row in rows if row.type.endswith(".delta")]
    assert [row.type for row in rows].count("conversation.item.done") == 100, "only deltas are lost"
    assert gap.body["lost"] == 100 - len(deltas) > 0
    assert gap.seq == 0
    assert gap.body["last_seq"] < deltas[0].seq, "the oldest"


async def test_what_is_no_delta_is_lost_last(alice: Person, make_log: MakeLog, outage: Outage) -> None:
    log = make_log(most_bytes=50_000)
    outage.begin()
    with log.session(opened(alice)) as observer:
        observe(observer, *(error(number, "x" * 500) for number in range(200)))
        await asyncio.sleep(0.5)
        outage.end()
    await in_thread(log.stop)
    rows = await in_thread(rows_of, alice)
    kept = numbers(rows)
    assert kept == list(range(200 - len(kept), 200))
    assert [row.body["lost"] for row in rows if row.type == "log.gap"] == [200 - len(kept)]
    assert (await in_thread(row_of, alice)).end_reason, "that a session ended is never lost"


async def test_stopping_while_the_database_is_away_takes_no_longer_than_it_may(
    alice: Person, make_log: MakeLog, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log()
    outage.begin()
    await hold(log, opened(alice), error(1))
    began = time.monotonic()
    await in_thread(log.stop, 0.5)
    assert time.monotonic() - began < 2
    outage.end()
    assert "event_log_not_written" in caplog.text


# Rows that a database does not take


async def test_text_that_the_database_can_not_hold_is_replaced(alice: Person, make_log: MakeLog) -> None:
    log = make_log()
    await hold(log, opened(alice), error(1, "nul \0 and \\u0000"), user_item("item\0"))
    await in_thread(log.stop)
    rows = await in_thread(rows_of, alice)
    assert rows[0].body["error"]["message"].startswith("nul \ufffd and ")
    assert rows[1].item_id == "item\ufffd"


async def test_a_tenant_that_is_deleted_meanwhile_does_not_hold_up_others(
    alice: Person, mallory: Person, make_log: MakeLog
) -> None:
    log = make_log()

    def delete_mallorys() -> None:
        with tenant_context(mallory.tenant.id):
            SessionEvent.objects.all().delete()
            RealtimeSession.objects.all().delete()
        with across_tenants(reason="test"):
            mallory.tenant.delete()

    with log.session(opened(alice)) as mine, log.session(opened(mallory, "sess_2")) as theirs:
        observe(mine, error(0))
        observe(theirs, error(0))
        await in_thread(eventually, lambda: len(rows_of(mallory, "sess_2")) == 1)
        await in_thread(delete_mallorys)
        for number in range(1, 50):
            observe(mine, error(number))
            observe(theirs, error(number))
        await hold(log, opened(mallory, "sess_3"), error(0))
    await in_thread(log.stop)
    assert numbers(await in_thread(rows_of, alice)) == list(range(50))


# How sessions end


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending(1000, "", by_client=True), EndReason.CLIENT_CLOSED),
        (Ending(1001, "", by_client=True), EndReason.CLIENT_CLOSED),
        (Ending(4001, "", by_client=True), EndReason.CLIENT_CLOSED),
        (Ending(1006, "", by_client=True), EndReason.CONNECTION_LOST),
        (Ending(1011, "", by_client=True), EndReason.CONNECTION_LOST),
        (Ending(1012, "", by_client=True), EndReason.SERVER_STOPPED),
        (Ending(1001, "", by_client=False), EndReason.SERVER_STOPPED),
        (Ending(1001, "session_expired", by_client=False), EndReason.EXPIRED),
        (Ending(1008, "", by_client=False), EndReason.TOO_SLOW),
        (Ending(1011, "", by_client=False), EndReason.SERVER_ERROR),
        (Ending(1000, "", by_client=False), EndReason.HUNG_UP),
        (Ending(4000, BALANCE_USED_UP, by_client=False), EndReason.BALANCE_USED_UP),
        (Ending(1000, BALANCE_USED_UP, by_client=False), EndReason.BALANCE_USED_UP),
        (Ending(4000, "", by_client=False), EndReason.REFUSED),
    ],
)
def test_the_end_reason_comes_from_how_the_connection_was_closed(ending: Ending, reason: EndReason) -> None:
    assert end_reason_of(ending) == reason


def make_session(session_id: str, **fields: Any) -> RealtimeSession:
    """Of the current tenant, started `days` ago and ended an hour later, unless `ended_at` says otherwise."""
    started_at = timezone.now() - timedelta(days=fields.pop("days", 0))
    given = {"model": "local/test", "started_at": started_at, "alive_at": started_at}
    given["ended_at"] = started_at + timedelta(hours=1)
    return RealtimeSession.objects.create(session_id=session_id, **(given | fields))


def add_events(session: RealtimeSession, count: int) -> None:
    SessionEvent.objects.bulk_create(
        SessionEvent(
            session=session, seq=seq, at=session.started_at, direction="server", type="error", body={}
        )
        for seq in range(count)
    )


def test_sessions_of_a_process_that_crashed_are_ended_where_it_was_last_alive(alice: Person) -> None:
    silent = timezone.now() - timedelta(minutes=3)
    with tenant_context(alice.tenant.id):
        make_session("crashed", ended_at=None, alive_at=silent)
        make_session("alive", ended_at=None)
    close_abandoned_sessions.delay()
    close_abandoned_sessions.delay()
    crashed = row_of(alice, "crashed")
    assert (crashed.ended_at, crashed.end_reason) == (silent, EndReason.CRASHED)
    assert row_of(alice, "alive").ended_at is None


def test_what_a_crashed_session_logged_counts_as_alive(alice: Person) -> None:
    silent = timezone.now() - timedelta(minutes=3)
    with tenant_context(alice.tenant.id):
        crashed = make_session("crashed", ended_at=None, alive_at=silent)
        add_events(crashed, 3)
        SessionEvent.objects.filter(seq=2).update(at=silent + timedelta(seconds=20))
    close_abandoned_sessions.delay()
    assert row_of(alice, "crashed").ended_at == silent + timedelta(seconds=20)


async def test_a_session_that_was_taken_for_crashed_opens_again_with_its_next_sign_of_life(
    alice: Person, make_log: MakeLog
) -> None:
    log = make_log(heartbeat_seconds=0.1)

    def give_up() -> None:
        with tenant_context(alice.tenant.id):
            RealtimeSession.objects.update(ended_at=timezone.now(), end_reason=EndReason.CRASHED)

    with log.session(opened(alice)) as observer:
        observe(observer, error(0))
        await in_thread(eventually, lambda: bool(rows_of(alice)))
        await in_thread(give_up)
        await in_thread(eventually, lambda: row_of(alice).ended_at is None)
        assert (await in_thread(row_of, alice)).end_reason == ""


# Who sees them


def test_another_tenant_sees_nothing_of_a_session(alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id):
        session = make_session("sess_1", call_id="rtc_1")
        add_events(session, 3)
        assert len(list(session_events(session))) == 3
    with tenant_context(mallory.tenant.id):
        assert list(session_list()) == []
        assert session_find("sess_1") is None
        assert session_find("rtc_1") is None
        assert list(session_events(session)) == []


def test_a_session_is_found_by_its_id_and_by_its_calls(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        session = make_session("sess_1", call_id="rtc_1")
        make_session("sess_2")
        assert session_find("sess_1") == session_find("rtc_1") == session
        assert session_find("") is None


def test_a_long_log_is_read_in_chunks_and_from_any_place(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        session = make_session("sess_1")
        add_events(session, 2100)
        assert [event.seq for event in session_events(session)] == list(range(2100))
        assert [event.seq for event in session_events(session, after=2097)] == [2098, 2099]


def test_sessions_are_listed_newest_first_by_what_is_asked_for(alice: Person) -> None:
    key = alice.make_key().key
    with tenant_context(alice.tenant.id):
        make_session("old", days=3, end_reason=EndReason.EXPIRED)
        make_session("new", days=1, model="local/other", api_key=key)
        make_session("open", ended_at=None)

        def listed(**wanted: Any) -> list[str]:
            return [session.session_id for session in session_list(**wanted)]

        assert listed() == ["open", "new", "old"]
        assert listed(is_open=True) == ["open"]
        assert listed(is_open=False) == ["new", "old"]
        assert listed(end_reason=EndReason.EXPIRED) == ["old"]
        assert listed(model="local/other") == ["new"]
        assert listed(api_key_id=key.id) == ["new"]
        yesterday = timezone.now() - timedelta(days=2)
        assert listed(started_from=yesterday) == ["open", "new"]
        assert listed(started_before=yesterday) == ["old"]


def test_staff_see_sessions_but_not_what_was_said(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        session = make_session("sess_1")
    alice.user.is_staff = alice.user.is_superuser = True
    alice.user.save()
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    assert "sess_1" in client.get("/staff/conversations/realtimesession/?q=sess").content.decode()
    page = client.get(f"/staff/conversations/realtimesession/{session.id}/change/")
    assert "local/test" in page.content.decode()
    assert client.get("/staff/conversations/sessionevent/").status_code == 404


# The command


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("session_log", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_log_as_json_lines(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        add_events(make_session("sess_1"), 3)
    lines = [json.loads(line) for line in run("sess_1", "--tenant", "acme").splitlines()]
    assert [line["seq"] for line in lines] == [0, 1, 2]
    assert set(lines[0]) == {"seq", "at", "direction", "type", "response_id", "item_id", "body"}


def test_the_command_refuses_what_it_does_not_find(alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id):
        make_session("sess_1")
    with pytest.raises(CommandError, match=r"^There is no tenant 'nobody'\.$"):
        run("sess_1", "--tenant", "nobody")
    with pytest.raises(CommandError, match="has no session 'sess_1'"):
        run("sess_1", "--tenant", "mallory-inc")


# What follows from its end


def jobs_of(person: Person) -> list[tuple[str, str, str]]:
    with tenant_context(person.tenant.id):
        return list(Job.objects.values_list("kind", "key", "state"))


async def test_the_end_of_a_session_has_its_transcript_made_once(alice: Person, make_log: MakeLog) -> None:
    log, about = make_log(), opened(alice)
    await hold(log, about, error(1))
    await in_thread(log.stop)
    assert await in_thread(jobs_of, alice) == [("session.transcript", str(about.id), "waiting")]


async def test_a_session_of_which_nothing_is_kept_has_no_transcript(alice: Person, make_log: MakeLog) -> None:
    log = make_log()
    await hold(log, opened(alice, keep_events=False), error(1))
    await in_thread(log.stop)
    assert await in_thread(jobs_of, alice) == []


async def test_a_session_that_was_taken_for_lost_gets_its_transcript_once_more(
    alice: Person, make_log: MakeLog
) -> None:
    log, about = make_log(), opened(alice)

    def lose() -> None:
        with across_tenants(reason="test"):
            RealtimeSession.objects.update(alive_at=timezone.now() - timedelta(hours=1))
            close_abandoned_sessions()
            Job.objects.update(state="done")

    with log.session(about) as observer:
        observe(observer, error(1))
        await in_thread(eventually, lambda: bool(rows_of(alice)))
        await in_thread(lose)
        assert await in_thread(jobs_of, alice) == [("session.transcript", str(about.id), "done")]
        observe(observer, GOODBYE)
    await in_thread(log.stop)
    assert await in_thread(jobs_of, alice) == [("session.transcript", str(about.id), "waiting")]
