"""From asking for a report to its file, its mail and its end."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.jobs.services import job_cancel
from apps.privacy.erasing import ERASE, session_delete
from apps.reports import jobs
from apps.reports.models import Format, ReportKind, ReportRun, ReportSchedule
from apps.reports.parameters import Wanted
from apps.reports.selectors import download_path, job_of, report_get
from apps.reports.services import (
    report_cancel,
    report_delete,
    report_request,
    report_retry,
    schedule_create,
    schedule_delete,
    schedule_run,
    schedule_update,
)
from apps.reports.tasks import delete_expired_reports, run_due_schedules
from tests.analytics.conversations import session_of
from tests.cast import Person
from tests.reports.reading import csv_rows
from tests.usage_lines import use

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 8, 9, tzinfo=UTC)
WANTED = Wanted(ReportKind.USAGE, date(2026, 6, 8), date(2026, 6, 9))


@pytest.fixture(autouse=True)
def as_acme(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def asked(format: Format = Format.CSV, wanted: Wanted = WANTED, **fields: Any) -> ReportRun:
    return report_request(wanted=wanted, format=format, **fields)


def made(run: ReportRun) -> ReportRun:
    job = job_of(run)
    assert job is not None
    job_run(job.id)
    run.refresh_from_db()
    return run


def content(run: ReportRun) -> bytes:
    return b"".join(store.read(run.file))


async def received(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def state(run: ReportRun) -> str:
    report = report_get(run.id)
    assert report is not None
    return report.state


def test_a_report_is_made_and_downloaded(client: Client) -> None:
    use(AT)
    use(AT)
    run = asked()
    assert state(run) == "waiting"
    made(run)
    assert state(run) == "done"
    assert (run.rows, run.size_bytes) == (2, len(content(run)))
    assert run.expires_at is not None
    assert run.expires_at - timezone.now() > timedelta(days=29)
    answer = client.get(download_path(run))
    assert answer.headers["content-disposition"] == 'attachment; filename="usage-2026-06-08-2026-06-09.csv"'
    assert len(csv_rows(async_to_sync(received)(answer))) == 3


@pytest.mark.parametrize(("format", "begins"), [(Format.XLSX, b"PK\x03\x04"), (Format.PDF, b"%PDF-")])
@pytest.mark.parametrize("kind", [kind for kind in ReportKind if kind != ReportKind.SESSION])
def test_each_kind_is_made_in_each_format(kind: ReportKind, format: Format, begins: bytes) -> None:
    use(AT)
    session_of("s1", AT)
    run = made(asked(format, Wanted(kind, WANTED.first, WANTED.last)))
    assert content(run).startswith(begins)


def test_a_sheet_is_of_its_session() -> None:
    session_of("sess_1", AT)
    run = made(asked(Format.PDF, Wanted(ReportKind.SESSION, session_id="sess_1")))
    assert run.session_id == "sess_1"
    assert run.title == "Session sess_1"
    assert content(run).startswith(b"%PDF-")


def test_a_sheet_of_no_session_fails_with_a_sentence() -> None:
    run = made(asked(Format.PDF, Wanted(ReportKind.SESSION, session_id="sess_none")))
    job = job_of(run)
    assert job is not None
    assert (job.state, job.error) == (JobState.FAILED, "There is no session sess_none: it was deleted.")


def test_endpoints_and_the_audit_log_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(jobs, "event_publish", lambda **event: told.append(event))
    run = made(asked())
    job_run(job_of(run).id)  # type: ignore[union-attr]
    assert [(event["type"], event["key"], event["data"]["kind"]) for event in told] == [
        ("report.ready", str(run.id), "usage")
    ]
    assert AuditEvent.objects.filter(action="report.requested", target_id=str(run.id)).count() == 1


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted(ReportKind.COST), "first"),
        (Wanted(ReportKind.COST, date(2026, 6, 9), date(2026, 6, 8)), "first"),
        (Wanted(ReportKind.COST, WANTED.first, date(9999, 12, 31)), "last"),
        (Wanted(ReportKind.COST, date(2024, 6, 9), date(2026, 6, 8)), "first"),
        (Wanted(ReportKind.COST, WANTED.first, WANTED.last, "colour"), "group"),
        (Wanted(ReportKind.USAGE, WANTED.first, WANTED.last, "model"), "group"),
        (Wanted(ReportKind.SESSION), "session_id"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: Wanted, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        asked(wanted=wanted)
    assert field in refused.value.message_dict


def test_there_are_not_endlessly_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.reports.services.MOST_LIVE", 1)
    asked()
    with pytest.raises(ValidationError, match="wait until some are done"):
        asked()


def test_one_that_waits_is_cancelled_and_made_after_all() -> None:
    run = asked()
    report_cancel(run=run)
    assert state(run) == "cancelled"
    made(run)
    assert not run.file
    report_retry(run=run)
    assert state(made(run)) == "done"


def test_one_that_is_being_made_stops_and_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ROWS_BETWEEN", 1)
    use(AT)
    use(AT)
    run = asked()
    seen: list[int] = []
    progress = jobs.Running.progress

    def cancel_at_the_second_row(running: Any, done: int, steps: int, note: str = "") -> None:
        seen.append(done)
        if done == 1:
            job_cancel(job=job_of(run))  # type: ignore[arg-type]
        progress(running, done, steps, note)

    monkeypatch.setattr(jobs.Running, "progress", cancel_at_the_second_row)
    made(run)
    assert seen == [0, 0, 1]
    assert state(run) == "cancelled"
    assert list(store.names(store.name_of("reports", run.id))) == []


def test_one_that_is_cancelled_once_its_file_is_there_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    run = asked()
    put = store.put

    def cancelled_then(*args: Any) -> int:
        size = put(*args)
        job_cancel(job=job_of(run))  # type: ignore[arg-type]
        return size

    monkeypatch.setattr(store, "put", cancelled_then)
    made(run)
    assert state(run) == "cancelled"
    assert list(store.names(store.name_of("reports", run.id))) == []
    assert not mail.outbox


def test_a_worker_that_is_lost_after_the_file_is_written_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = asked(recipients=["boss@example.com"])

    def lost(*args: Any, **fields: Any) -> None:
        raise KeyboardInterrupt  # as a process ends: nothing is noted

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_finish", lost)
        with pytest.raises(KeyboardInterrupt):
            made(run)
    assert not run.file
    Job.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert state(made(run)) == "done"
    assert list(store.names(store.name_of("reports", run.id))) == [run.file]
    assert Job.objects.filter(kind=jobs.MAIL).count() == 1


def test_a_deleted_one_takes_its_file_along() -> None:
    run = made(asked())
    name = run.file
    report_delete(run=run)
    assert report_get(run.id) is None
    with pytest.raises(store.NoSuchFile):
        store.find(name)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_files_expire(client: Client) -> None:
    kept, old = made(asked()), made(asked())
    ReportRun.objects.filter(id=old.id).update(expires_at=timezone.now())
    link = download_path(old)
    delete_expired_reports()
    old.refresh_from_db()
    kept.refresh_from_db()
    assert (old.file, old.expires_at, state(old)) == ("", None, "expired")
    assert state(kept) == "done"
    assert client.get(link).status_code == 410


def test_the_sheets_of_a_session_go_with_it() -> None:
    session = session_of("sess_1", AT)
    run = made(asked(Format.PDF, Wanted(ReportKind.SESSION, session_id="sess_1")))
    other = made(asked())
    erasure = session_delete(session=session)
    job_run(Job.objects.get(kind=ERASE, key=str(erasure.id)).id)
    assert report_get(run.id) is None
    with pytest.raises(store.NoSuchFile):
        store.find(run.file)
    assert report_get(other.id) is not None


def mail_jobs() -> list[Job]:
    return list(Job.objects.filter(kind=jobs.MAIL).order_by("key"))


def test_recipients_get_a_link_that_works(client: Client) -> None:
    made(asked(recipients=["boss@example.com", "boss@example.com", "ann@example.com"]))
    for job in mail_jobs():
        job_run(job.id)
        job_run(job.id)
    assert sorted(message.to[0] for message in mail.outbox) == ["ann@example.com", "boss@example.com"]
    path = re.search(r"https?://[^/\s]+(/\S+)", str(mail.outbox[0].body)).group(1)  # type: ignore[union-attr]
    assert client.get(path).status_code == 200
    assert "alice" not in str(mail.outbox[0].body)


def test_mail_that_is_sent_once_more_is_known_as_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made(asked(recipients=["boss@example.com"]))
    (job,) = mail_jobs()

    def lost(running: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(jobs.Running, "finish", lost)
        with pytest.raises(KeyboardInterrupt):
            job_run(job.id)
    Job.objects.filter(id=job.id).update(leased_until=timezone.now() - timedelta(seconds=1))
    job_run(job.id)
    ids = {message.extra_headers["Message-ID"] for message in mail.outbox}
    assert (len(mail.outbox), len(ids)) == (2, 1)


def test_a_refused_address_is_told_to_nobody_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any) -> int:
        raise SMTPRecipientsRefused({"boss@example.com": (550, b"no such user")})

    monkeypatch.setattr("django.core.mail.message.EmailMessage.send", refused)
    made(asked(recipients=["boss@example.com"]))
    (job,) = mail_jobs()
    job_run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.WAITING
    assert job.error
    assert "boss" not in job.error


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="is no e-mail address"):
        asked(recipients=["boss"])


def scheduled(**fields: Any) -> ReportSchedule:
    given: dict[str, Any] = {
        "name": "Weekly cost",
        "kind": "cost",
        "parameters": {"group": "agent"},
        "rule": "week",
        "formats": ["pdf", "csv"],
        "every": "day",
        "hour": 6,
        "recipients": ["boss@example.com"],
    }
    return schedule_create(**(given | fields))


def due(schedule: ReportSchedule, at: datetime) -> ReportSchedule:
    ReportSchedule.objects.filter(id=schedule.id).update(next_at=at)
    schedule.refresh_from_db()
    return schedule


def test_a_schedule_has_its_reports_made_when_it_is_due() -> None:
    schedule = due(scheduled(), datetime(2026, 6, 10, 6, tzinfo=UTC))
    runs = schedule_run(schedule_id=schedule.id, now=datetime(2026, 6, 10, 6, 0, 30, tzinfo=UTC))
    assert [(run.format, run.title) for run in runs] == [
        ("csv", "Weekly cost, 2026-06-01 to 2026-06-07"),
        ("pdf", "Weekly cost, 2026-06-01 to 2026-06-07"),
    ]
    assert runs[0].parameters == {"first": "2026-06-01", "last": "2026-06-07", "group": "agent"}
    assert runs[0].recipients == ["boss@example.com"]
    schedule.refresh_from_db()
    assert schedule.next_at == datetime(2026, 6, 11, 6, tzinfo=UTC)
    assert state(made(runs[0])) == "done"


def test_once_more_makes_none() -> None:
    schedule = due(scheduled(), datetime(2026, 6, 10, 6, tzinfo=UTC))
    now = datetime(2026, 6, 10, 7, tzinfo=UTC)
    assert len(schedule_run(schedule_id=schedule.id, now=now)) == 2
    assert schedule_run(schedule_id=schedule.id, now=now) == []


def test_after_a_standstill_it_catches_up_once() -> None:
    schedule = due(scheduled(), datetime(2026, 6, 1, 6, tzinfo=UTC))
    runs = schedule_run(schedule_id=schedule.id, now=datetime(2026, 6, 10, 7, tzinfo=UTC))
    assert {run.due_at for run in runs} == {datetime(2026, 6, 10, 6, tzinfo=UTC)}
    schedule.refresh_from_db()
    assert schedule.next_at == datetime(2026, 6, 11, 6, tzinfo=UTC)


def test_a_paused_one_is_not_due_and_goes_on_from_now() -> None:
    schedule = due(scheduled(), timezone.now() - timedelta(days=3))
    schedule = schedule_update(schedule=schedule, changes={"is_enabled": False})
    assert schedule.next_at is None
    assert schedule_run(schedule_id=schedule.id, now=timezone.now()) == []
    schedule = schedule_update(schedule=schedule, changes={"is_enabled": True})
    assert schedule.next_at is not None
    assert schedule.next_at > timezone.now()


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_beat_runs_those_of_every_workspace_that_are_due(mallory: Person) -> None:
    mine = due(scheduled(), timezone.now() - timedelta(minutes=1))
    with tenant_context(mallory.tenant.id):
        theirs = due(scheduled(name="Hers"), timezone.now() - timedelta(minutes=1))
    scheduled(name="Not yet")
    run_due_schedules()
    assert {run.schedule_id for run in ReportRun.objects.all()} == {mine.id}
    with tenant_context(mallory.tenant.id):
        assert {run.schedule_id for run in ReportRun.objects.all()} == {theirs.id}


def test_reports_outlive_their_schedule() -> None:
    schedule = due(scheduled(), AT)
    (run, _) = schedule_run(schedule_id=schedule.id, now=AT)
    schedule_delete(schedule=schedule)
    run.refresh_from_db()
    assert run.schedule_id is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"formats": []}, "formats"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"every": "week", "day": 8}, "day"),
        ({"day": 31, "every": "month"}, "day"),
        ({"hour": 24}, "hour"),
        ({"kind": "session"}, "kind"),
        ({"parameters": {"group": "colour"}}, "group"),
        ({"recipients": ["nobody"]}, "recipients"),
        ({"recipients": [f"a{n}@example.com" for n in range(21)]}, "recipients"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        scheduled(**fields)
    assert field in refused.value.message_dict
