"""What staff sees of jobs of all tenants, and does about them."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.jobs.models import Job, JobState
from apps.jobs.running import Running
from apps.jobs.tasks import sweep_jobs
from tests.accounts.walking import sign_in
from tests.cast import PASSWORD, Person
from tests.jobs.broker import broker_at
from tests.jobs.conftest import Declare
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])
SECRET = "her number is 555-0100"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def root() -> Client:
    User.objects.create_superuser("root@example.com", PASSWORD)
    client = Client()
    sign_in(client, "root@example.com")
    return client


def make(person: Person, key: str, state: JobState, **fields: Any) -> Job:
    now = timezone.now()
    over = {"finished_at": now} if state in (JobState.DONE, JobState.FAILED) else {}
    with tenant_context(person.tenant.id):
        return Job.objects.create(
            kind="test.work", key=key, state=state, arguments={"said": SECRET}, run_at=now, **over, **fields
        )


def states(*jobs: Job) -> list[str]:
    found = []
    for job in jobs:
        with tenant_context(job.tenant_id):
            job.refresh_from_db()
        found.append(job.state)
    return found


def audited(person: Person) -> list[tuple[str, str, str]]:
    with tenant_context(person.tenant.id):
        events = AuditEvent.objects.filter(action__startswith="job.").order_by("at")
        return [(event.action, event.actor_kind, event.actor_label) for event in events]


def nothing(running: Running) -> None: ...


def test_staff_finds_dead_letters_and_has_them_run_again(
    root: Client, alice: Person, mallory: Person, declare: Declare
) -> None:
    declare(nothing)
    dead = make(alice, "one", JobState.FAILED, error="The recording holds no sound.", attempts=3)
    done = make(mallory, "two", JobState.DONE)
    page = root.get("/staff/jobs/job/", {"state__exact": "failed", "kind": "test.work"}).content.decode()
    assert "The recording holds no sound." in page
    assert "mallory-inc" not in page
    detail = root.get(f"/staff/jobs/job/{dead.id}/change/").content.decode()
    assert "The recording holds no sound." in detail
    assert SECRET not in page + detail
    chosen = {"action": "run_again", "_selected_action": [str(dead.id), str(done.id)]}
    answer = root.post("/staff/jobs/job/", chosen, follow=True).content.decode()
    assert "1 of 2 are run again" in answer
    assert states(dead, done) == [JobState.DONE] * 2
    assert audited(alice) == [("job.retried", "staff", "root@example.com")]
    assert audited(mallory) == []


def test_staff_cancels_what_is_not_over(root: Client, alice: Person, declare: Declare) -> None:
    declare(nothing)
    jobs = [make(alice, state, state) for state in (JobState.WAITING, JobState.RUNNING, JobState.DONE)]
    chosen = {"action": "cancel", "_selected_action": [str(job.id) for job in jobs]}
    assert "2 of 3 are cancelled" in root.post("/staff/jobs/job/", chosen, follow=True).content.decode()
    assert states(*jobs) == [JobState.CANCELLED, JobState.CANCELLED, JobState.DONE]
    assert [action for action, *_ in audited(alice)] == ["job.cancelled"] * 2


def test_the_queue_page_tells_what_waits_and_who_works(
    root: Client, alice: Person, redis_url: str, settings: Any, declare: Declare
) -> None:
    settings.REDIS_URL = redis_url
    declare(nothing)
    with broker_at(redis_url):
        make(alice, "late", JobState.RUNNING, leased_until=timezone.now() - timedelta(minutes=1))
        make(alice, "dead", JobState.FAILED)
        page = root.get("/staff/jobs/job/queue/").content.decode()
        assert "Work of a test (test.work)" in page
        assert "No worker answers" in page
        assert "The scheduler is not running" in page
        assert "0, and 0 with workers" in page
        sweep_jobs()
        page = root.get("/staff/jobs/job/queue/").content.decode()
        assert "1, and 0 with workers" in page
        assert "The scheduler is not running" not in page


def test_the_queue_page_is_there_without_a_broker(root: Client, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    page = root.get("/staff/jobs/job/queue/").content.decode()
    assert "The broker can&#x27;t be reached" in page
    assert "No jobs wait, run or have failed." in page


def test_it_is_for_staff_only(alice: Person) -> None:
    assert signed_in(alice).get("/staff/jobs/job/queue/", follow=True).status_code == 403
    assert Client().get("/staff/jobs/job/queue/").status_code == 302


def jobs_command(*arguments: str) -> str:
    out = StringIO()
    call_command("jobs", *arguments, stdout=out)
    return out.getvalue()


def test_a_command_lists_dead_letters_and_has_them_run_again(
    alice: Person, mallory: Person, declare: Declare
) -> None:
    declare(nothing)
    one = make(alice, "one", JobState.FAILED, error="No sound.")
    two = make(mallory, "two", JobState.FAILED, error="No sound.")
    three = make(mallory, "three", JobState.FAILED, error="No sound.")
    done = make(alice, "done", JobState.DONE)
    told = jobs_command()
    assert f"{one.id}  " in told
    assert "acme  test.work one\n    No sound.\n" in told
    assert "3 dead letters." in told
    assert SECRET not in told
    assert "1 dead letters." in jobs_command("--tenant", "acme", "--kind", "test.work")
    assert "1 jobs are run again." in jobs_command("--retry", str(two.id))
    assert states(one, two, three) == [JobState.FAILED, JobState.DONE, JobState.FAILED]
    assert "2 jobs are run again." in jobs_command("--kind", "test.work", "--retry")
    assert states(one, two, three, done) == [JobState.DONE] * 4
    assert audited(alice) == [("job.retried", "system", "Antiphon")]
    with pytest.raises(CommandError, match=f"These are no dead letters: {done.id}"):
        jobs_command("--retry", str(done.id))
    with pytest.raises(CommandError, match="An id is like"):
        jobs_command("--retry", "one")
    with pytest.raises(CommandError, match=r"no jobs of the kind 'test\.other': the kinds are .*session"):
        jobs_command("--kind", "test.other")
