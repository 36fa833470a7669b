"""What a lost broker, a lost worker or several workers at once make of jobs: nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import record
from apps.core.tenancy import across_tenants, atomic, tenant_context
from apps.jobs import running as running_module
from apps.jobs import tasks
from apps.jobs.models import Job, JobState
from apps.jobs.running import Running, Stopped, job_run
from apps.jobs.selectors import SWEPT_AT
from apps.jobs.services import job_add, job_nudge
from apps.jobs.tasks import purge_jobs, sweep_jobs
from tests.cast import Person
from tests.jobs.broker import broker_at
from tests.jobs.conftest import Declare

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the jobs that workers are told of, which none of them reads."""
    keys: list[str] = []

    def nudge(job: Job) -> bool:
        keys.append(job.key)
        return True

    monkeypatch.setattr("apps.jobs.services.job_nudge", nudge)
    monkeypatch.setattr(tasks, "job_nudge", nudge)
    return keys


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of sweeps on by so many seconds."""
    ahead = timedelta()

    def later(seconds: float) -> None:
        nonlocal ahead
        ahead += timedelta(seconds=seconds)

    clock = mock.Mock(now=lambda: timezone.now() + ahead)
    monkeypatch.setattr(tasks, "timezone", clock)
    return later


def write_result(running: Running) -> None:
    with running.finish():
        record(action="test.done", target=Job(id=running.job_id), label=running.key)


def add(person: Person, kind: str, key: str, **fields: object) -> Job:
    with tenant_context(person.tenant.id):
        return job_add(kind=kind, key=key, **fields)


def results() -> list[str]:
    with across_tenants(reason="a test"):
        return sorted(AuditEvent.objects.filter(action="test.done").values_list("target_label", flat=True))


def in_threads(count: int, work: Callable[[], object]) -> list[object]:
    """What each returned; all begin at the same time."""
    together, returned = threading.Barrier(count), list[object]()

    def run() -> None:
        together.wait(10)
        try:
            returned.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return returned


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]


def test_a_sweep_has_done_what_nobody_was_told_of(alice: Person, mallory: Person, declare: Declare) -> None:
    kind = declare(write_result)
    for person in (alice, mallory):  # as the event log adds them, in SQL
        with tenant_context(person.tenant.id):
            Job.objects.create(kind=kind, key=person.tenant.slug, run_at=timezone.now())
    sweep_jobs()
    assert results() == ["acme", "mallory-inc"]
    assert cache.get(SWEPT_AT) is not None


def test_without_a_broker_a_page_goes_on_and_the_sweep_has_it_done(
    alice: Person, declare: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    kind = declare(write_result)
    with broker_at("unix:///nonexistent/valkey.sock"):
        began = time.monotonic()
        job = add(alice, kind, "one")
        assert not job_nudge(job)
        assert time.monotonic() - began < 2
        assert [event["event"] for event in events(caplog)] == ["job_not_nudged"] * 2
    assert results() == []
    sweep_jobs()
    assert results() == ["one"]


def test_workers_are_told_again_only_when_a_message_must_be_lost(
    alice: Person, declare: Declare, told: list[str], later: Callable[[float], None]
) -> None:
    add(alice, declare(write_result), "one")
    assert told == ["one"]
    sweep_jobs()
    assert told == ["one"] * 2
    later(settings.JOB_NUDGE_SECONDS - 5)
    sweep_jobs()
    assert told == ["one"] * 2
    later(10)
    sweep_jobs()
    assert told == ["one"] * 3


def test_one_whose_worker_was_lost_is_swept_as_soon_as_its_lease_is_over(
    alice: Person, declare: Declare, told: list[str], later: Callable[[float], None]
) -> None:
    def dies(running: Running) -> None:
        raise SystemExit

    job = add(alice, declare(dies), "one")
    sweep_jobs()
    told.clear()
    with tenant_context(alice.tenant.id), pytest.raises(SystemExit):
        job_run(job.id)
    sweep_jobs()
    assert told == []
    later(settings.JOB_LEASE_SECONDS + 1)
    sweep_jobs()
    assert told == ["one"]


def test_what_is_over_or_for_later_is_not_swept(alice: Person, declare: Declare, told: list[str]) -> None:
    kind = declare(write_result)
    with tenant_context(alice.tenant.id):
        for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
            Job.objects.create(kind=kind, key=state, state=state, run_at=timezone.now())
        Job.objects.create(kind=kind, key="later", run_at=timezone.now() + timedelta(minutes=1))
    sweep_jobs()
    assert told == []


def test_an_alarm_is_given_once_for_jobs_that_nobody_does(
    alice: Person,
    declare: Declare,
    told: list[str],
    later: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = add(alice, declare(write_result), "one")

    def alarms() -> list[tuple[str, int]]:
        caplog.clear()
        sweep_jobs()
        return [(event["level"], event["count"]) for event in events(caplog) if event["event"] == "jobs_late"]

    assert alarms() == []
    later(301)
    assert [alarms(), alarms()] == [[("error", 1)], []]
    with tenant_context(alice.tenant.id):
        job_run(job.id)
    assert alarms() == []
    add(alice, job.kind, "two")
    later(301)
    assert alarms() == [("error", 1)]


def test_old_jobs_are_forgotten_but_not_dead_letters(
    alice: Person, declare: Declare, told: list[str], later: Callable[[float], None]
) -> None:
    now = timezone.now()
    with tenant_context(alice.tenant.id):
        for state in JobState:
            Job.objects.create(kind="test.work", key=state, state=state, run_at=now, finished_at=now)
        purge_jobs()
        assert Job.objects.count() == len(JobState)
        later(31 * 86400)
        purge_jobs()
        assert set(Job.objects.values_list("key", flat=True)) == {"waiting", "running", "failed"}


def test_of_several_workers_that_want_it_at_once_one_has_it(alice: Person, declare: Declare) -> None:
    runs: list[str] = []
    began, may_end = threading.Event(), threading.Event()

    def work(running: Running) -> None:
        runs.append(running.key)
        began.set()
        assert may_end.wait(10)
        write_result(running)

    with tenant_context(alice.tenant.id):
        job = Job.objects.create(kind=declare(work), key="one", run_at=timezone.now())

    def worker() -> bool:
        with tenant_context(alice.tenant.id):
            ran = job_run(job.id)
            may_end.set()  # by those that go without
            return ran

    assert sorted(in_threads(4, worker)) == [False, False, False, True]  # type: ignore[type-var]
    assert (runs, results()) == (["one"], ["one"])


def test_the_lease_is_renewed_while_it_runs(
    alice: Person, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "_lease_time", lambda: timedelta(seconds=0.3))
    renewed = threading.Event()

    def work(running: Running) -> None:
        first = Job.objects.get(id=running.job_id).leased_until
        for _ in range(200):
            if Job.objects.get(id=running.job_id).leased_until != first:
                renewed.set()
                break
            renewed.wait(0.02)
        write_result(running)

    job = add(alice, declare(work), "one")
    assert renewed.is_set()
    with tenant_context(alice.tenant.id):
        job.refresh_from_db()
    assert job.state == JobState.DONE
    assert "lease of a job" not in [thread.name for thread in threading.enumerate()]


def test_work_that_waits_hears_that_it_was_cancelled(
    alice: Person, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "_lease_time", lambda: timedelta(seconds=0.15))

    def work(running: Running) -> None:
        Job.objects.filter(id=running.job_id).update(state=JobState.CANCELLED, lease=None)
        for _ in range(500):
            running.check()
            threading.Event().wait(0.01)  # as one that waits for a vendor does

    job = add(alice, declare(work), "one")
    with tenant_context(alice.tenant.id):
        job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_work_that_hangs_loses_its_lease_in_the_end(
    alice: Person, declare: Declare, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running_module, "_lease_time", lambda: timedelta(seconds=0.15))
    monkeypatch.setattr(running_module, "_LONGEST_RUN", 0.0)
    leases: list[bool] = []

    def work(running: Running) -> None:
        for _ in range(500):
            try:
                running.check()
            except Stopped:
                leases.append(Job.objects.get(id=running.job_id).state == JobState.RUNNING)
                raise
            threading.Event().wait(0.01)

    job = add(alice, declare(work), "one")
    assert leases == [True]  # but it is not renewed any more
    with tenant_context(alice.tenant.id):
        job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == (JobState.WAITING, 1, "It took longer than six hours.")
    assert "job_hangs" in [event["event"] for event in events(caplog)]


def test_two_that_add_the_same_add_one(alice: Person, declare: Declare, told: list[str]) -> None:
    kind = declare(write_result)
    ids = in_threads(4, lambda: add(alice, kind, "one").id)
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_what_is_not_committed_is_not_done(alice: Person, declare: Declare) -> None:
    kind = declare(write_result)

    def fails() -> None:
        with tenant_context(alice.tenant.id), atomic():
            job_add(kind=kind, key="one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    sweep_jobs()
    assert results() == []
