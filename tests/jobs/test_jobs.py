"""A job is done once: by whoever claims it, and by nobody else as long as it lives."""

import re
import threading
from datetime import timedelta
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import record
from apps.core.tenancy import CrossTenant, NoTenant, across_tenants, tenant_context
from apps.jobs import running as running_module
from apps.jobs.kinds import JobFailed, JobNotYet
from apps.jobs.models import Job, JobState
from apps.jobs.running import Running, Stopped, job_run, wait_after
from apps.jobs.selectors import job_list, jobs_of_session
from apps.jobs.services import job_add, job_cancel, job_retry
from tests.cast import Person
from tests.jobs.conftest import Declare

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Its worker is gone, with no time for last words."""


def add(kind: str, key: str = "one", **fields: object) -> Job:
    return job_add(kind=kind, key=key, **fields)


def run(job: Job) -> Job:
    job_run(job.id)
    job.refresh_from_db()
    return job


def let_lease_expire(job: Job) -> None:
    Job.objects.filter(id=job.id).update(leased_until=timezone.now() - timedelta(seconds=1))


def let_wait_pass(job: Job) -> None:
    Job.objects.filter(id=job.id).update(run_at=timezone.now())


def write_result(running: Running) -> None:
    with running.finish():
        record(action="test.done", target=Job(id=running.job_id), label=running.key)


def results() -> list[str]:
    return list(AuditEvent.objects.filter(action="test.done").values_list("target_label", flat=True))


def killed(job: Job) -> None:
    with pytest.raises(Killed):
        job_run(job.id)


def test_it_works(acme: Person, declare: Declare) -> None:
    seen: list[Running] = []

    def work(running: Running) -> None:
        seen.append(running)
        running.progress(1, 4, "reading")
        shown = Job.objects.get(id=running.job_id)
        assert (shown.state, shown.percent, shown.note) == (JobState.RUNNING, 25, "reading")
        write_result(running)

    job = add(declare(work), session_id="sess_1", arguments={"pages": 4})
    assert run(job).state == JobState.DONE
    assert (job.lease, job.error, job.attempts, job.is_over) == (None, "", 1, True)
    (running,) = seen
    assert (running.key, running.session_id, running.arguments) == ("one", "sess_1", {"pages": 4})
    assert results() == ["one"]
    assert list(jobs_of_session("sess_1")) == list(job_list(states=[JobState.DONE])) == [job]


def test_one_that_is_done_is_not_done_again(acme: Person, declare: Declare) -> None:
    job = run(add(declare(write_result)))
    assert not job_run(job.id)
    assert results() == ["one"]


def test_work_that_writes_nothing_is_done_when_it_returns(acme: Person, declare: Declare) -> None:
    assert run(add(declare(lambda running: None))).state == JobState.DONE


def test_there_is_one_job_of_a_kind_for_a_key(acme: Person, declare: Declare) -> None:
    kind = declare(write_result)
    job = run(add(kind, arguments={"a": 1}))
    assert add(kind, arguments={"a": 2}).id == job.id
    assert not job_run(job.id)
    assert Job.objects.get().arguments == {"a": 1}


def test_one_that_is_over_is_done_again_when_that_is_asked_for(acme: Person, declare: Declare) -> None:
    kind = declare(write_result)
    job = run(add(kind))
    again = add(kind, again=True, arguments={"b": 1})
    assert (again.id, again.state, again.attempts, again.arguments) == (job.id, JobState.WAITING, 0, {"b": 1})
    assert run(job).state == JobState.DONE
    assert results() == ["one", "one"]


def test_it_runs_once_it_is_committed(
    acme: Person, declare: Declare, django_capture_on_commit_callbacks: mock.Mock
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = add(declare(write_result))
        assert results() == []
    assert results() == ["one"]
    job.refresh_from_db()
    assert job.state == JobState.DONE


def test_one_for_later_waits(
    acme: Person, declare: Declare, django_capture_on_commit_callbacks: mock.Mock
) -> None:
    later = timezone.now() + timedelta(hours=1)
    with django_capture_on_commit_callbacks() as callbacks:
        job = add(declare(write_result), run_at=later)
    assert not callbacks
    assert not job_run(job.id)
    let_wait_pass(job)
    assert job_run(job.id)


@pytest.mark.parametrize("step", range(4))
def test_one_whose_worker_dies_is_taken_over(acme: Person, declare: Declare, step: int) -> None:
    dies = True

    def work(running: Running) -> None:
        def reached(number: int) -> None:
            if dies and number == step:
                raise Killed

        reached(0)
        running.progress(1, 2)
        reached(1)
        with running.finish():
            record(action="test.done", target=Job(id=running.job_id), label=running.key)
            reached(2)
        reached(3)

    job = add(declare(work))
    killed(job)
    dies = False
    assert not job_run(job.id)  # the lease holds, or it is done
    assert results() == (["one"] if step == 3 else [])
    let_lease_expire(job)
    assert job_run(job.id) == (step < 3)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.DONE, 2 if step < 3 else 1)
    assert results() == ["one"]


def test_who_has_lost_the_lease_writes_nothing(acme: Person, declare: Declare) -> None:
    runs: list[int] = []

    def work(running: Running) -> None:
        runs.append(running.attempt)
        if running.attempt == 1:  # it stands still for so long that another one takes over and ends first
            let_lease_expire(job)
            job_run(running.job_id)
        write_result(running)

    job = add(declare(work))
    run(job)
    assert (runs, results(), job.state, job.attempts) == ([1, 2], ["one"], JobState.DONE, 2)


def test_who_has_lost_the_lease_hears_of_it_at_the_next_step(acme: Person, declare: Declare) -> None:
    heard: list[bool] = []

    def work(running: Running) -> None:
        if running.attempt == 1:
            let_lease_expire(job)
            job_run(running.job_id)
            with pytest.raises(Stopped):
                running.progress(1, 2)
            with pytest.raises(Stopped):
                running.check()
            heard.append(True)
            raise Stopped

    job = add(declare(work))
    assert run(job).state == JobState.DONE
    assert heard


def test_an_error_is_tried_again_ever_later_and_then_a_dead_letter(acme: Person, declare: Declare) -> None:
    said = "Alice's number is 555-0100"

    def work(running: Running) -> None:
        raise ValueError(said)

    job = add(declare(work))
    for attempt in (1, 2):
        before = timezone.now()
        run(job)
        assert (job.state, job.attempts) == (JobState.WAITING, attempt)
        assert wait_bounds(attempt)[0] <= (job.run_at - before).total_seconds()
        assert (job.run_at - timezone.now()).total_seconds() <= wait_bounds(attempt)[1]
        assert not job_run(job.id)
        let_wait_pass(job)
    run(job)
    assert (job.state, job.lease, job.finished_at is None) == (JobState.FAILED, None, False)
    assert re.fullmatch(r"ValueError in test_jobs, line \d+: the log of the worker has more\.", job.error)
    let_wait_pass(job)
    assert not job_run(job.id)


def wait_bounds(attempts: int) -> tuple[float, float]:
    longest = min(5.0 * 4 ** (attempts - 1), 3600.0)
    return longest * 0.75, longest


def test_waits_grow_to_an_hour() -> None:
    for attempts in (*range(1, 12), 1000):
        low, high = wait_bounds(min(attempts, 9))
        waits = {wait_after(attempts).total_seconds() for _ in range(20)}
        assert low <= min(waits) < max(waits) <= high
    assert wait_bounds(9)[1] == 3600


def test_one_that_kills_each_worker_is_a_dead_letter(acme: Person, declare: Declare) -> None:
    def work(running: Running) -> None:
        raise Killed

    job = add(declare(work, attempts=2))
    for _ in range(2):
        killed(job)
        let_lease_expire(job)
    assert run(job).state == JobState.FAILED
    assert "more memory" in job.error


def test_what_cannot_be_done_is_not_tried_again(acme: Person, declare: Declare) -> None:
    def work(running: Running) -> None:
        raise JobFailed("The recording holds no sound.")

    job = run(add(declare(work)))
    assert (job.state, job.error, job.attempts) == (JobState.FAILED, "The recording holds no sound.", 1)


def test_a_kind_that_is_not_known_here_waits_for_a_version_that_knows_it(acme: Person) -> None:
    job = run(add("test.of_tomorrow"))
    assert (job.state, job.attempts) == (JobState.WAITING, 1)
    assert job.error == "This version knows no job of the kind 'test.of_tomorrow'."
    for _ in range(7):
        let_wait_pass(job)
        run(job)
    assert job.state == JobState.FAILED


def test_one_that_has_to_wait_is_looked_at_again_with_no_attempt_counted(
    acme: Person, declare: Declare
) -> None:
    def work(running: Running) -> None:
        raise JobNotYet(30, "The recording is still being written.")

    job = add(declare(work, attempts=1))
    for _ in range(3):
        before = timezone.now()
        run(job)
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
        assert timedelta(seconds=30) <= job.run_at - before < timedelta(seconds=40)
        assert job.note == "The recording is still being written."
        let_wait_pass(job)
    Job.objects.filter(id=job.id).update(held_since=timezone.now() - timedelta(hours=23))
    assert run(job).state == JobState.WAITING
    let_wait_pass(job)
    Job.objects.filter(id=job.id).update(held_since=timezone.now() - timedelta(hours=25))
    assert run(job).state == JobState.FAILED
    assert job.error == "What it waits for did not come within a day. The recording is still being written."
    job_retry(job=job)
    assert run(job).state == JobState.WAITING, "which has a day again"


def test_one_that_waits_can_be_cancelled_and_run_again(acme: Person, declare: Declare) -> None:
    job = add(declare(write_result))
    job_cancel(job=job)
    assert (job.state, job.finished_at is None) == (JobState.CANCELLED, False)
    assert not job_run(job.id)
    with pytest.raises(ValidationError, match="over already"):
        job_cancel(job=job)
    job_retry(job=job)
    assert run(job).state == JobState.DONE
    with pytest.raises(ValidationError, match="failed or was cancelled"):
        job_retry(job=job)
    assert results() == ["one"]


def test_one_that_runs_stops_when_it_is_cancelled_and_keeps_nothing(acme: Person, declare: Declare) -> None:
    reached: list[str] = []

    def work(running: Running) -> None:
        job_cancel(job=Job.objects.get(id=running.job_id))
        with pytest.raises(Stopped):
            write_result(running)
        reached.append("not kept")
        running.progress(1, 2)
        reached.append("never")

    job = run(add(declare(work)))
    assert (job.state, job.error, reached, results()) == (JobState.CANCELLED, "", ["not kept"], [])


def test_an_error_after_it_is_cancelled_changes_nothing(acme: Person, declare: Declare) -> None:
    def work(running: Running) -> None:
        job_cancel(job=Job.objects.get(id=running.job_id))
        raise ValueError

    assert run(add(declare(work))).state == JobState.CANCELLED


def test_a_process_that_ends_leaves_it_to_another(
    acme: Person, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "leaving", threading.Event())

    def work(running: Running) -> None:
        running.check()
        if running.attempt == 1 and not running_module.leaving.is_set():
            running_module.leaving.set()
            running.check()

    job = run(add(declare(work, attempts=1)))
    assert (job.state, job.attempts, job.lease) == (JobState.WAITING, 0, None)
    assert job.run_at <= timezone.now()
    monkeypatch.setattr(running_module, "leaving", threading.Event())
    declare(write_result)
    assert run(job).state == JobState.DONE


def test_nobody_reaches_anothers(acme: Person, mallory: Person, declare: Declare) -> None:
    kind = declare(write_result)
    job = add(kind)
    with tenant_context(mallory.tenant.id):
        assert not job_run(job.id)
        assert not job_list().exists()
        with pytest.raises(ValidationError):
            job_cancel(job=job)
        own = add(kind)
        assert own.id != job.id
        assert run(own).state == JobState.DONE
    job.refresh_from_db()
    assert (job.state, results()) == (JobState.WAITING, [])


def test_a_job_belongs_to_one_tenant(alice: Person, declare: Declare) -> None:
    kind = declare(write_result)
    with pytest.raises(NoTenant):
        add(kind)
    with across_tenants(reason="a test"), pytest.raises(CrossTenant, match="enter tenant_context"):
        job_add.__wrapped__(kind=kind, key="one")


def test_an_unknown_lane_is_said_at_once(declare: Declare) -> None:
    with pytest.raises(ImproperlyConfigured, match="no lane 'slow'"):
        declare(write_result, lane="slow")
