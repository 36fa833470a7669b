from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.tenancy import atomic, tenant_context
from apps.jobs import kinds
from apps.jobs.kinds import JobNotYet, job_kind
from apps.jobs.models import JobState
from apps.jobs.running import Running, job_run
from apps.jobs.services import job_add
from tests.cast import Person


@pytest.fixture
def acme(alice: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))
    with tenant_context(alice.tenant.id):
        yield


@pytest.mark.usefixtures("acme")
def test_what_is_not_there_yet_is_waited_for_and_counts_as_no_attempt() -> None:
    @job_kind("test.patient", label="Patient", attempts=1)
    def work(running: Running) -> None:
        raise JobNotYet(30, "Nothing is there yet.")

    with atomic():
        job = job_add(kind="test.patient", key="1", run_at=timezone.now() + timedelta(hours=1))
    for _ in range(3):
        job.run_at = timezone.now() - timedelta(seconds=1)
        job.save()
        assert job_run(job.id)
        job.refresh_from_db()
        assert (job.state, job.attempts, job.note) == (JobState.WAITING, 0, "Nothing is there yet.")
        assert timedelta(seconds=25) < job.run_at - timezone.now() < timedelta(seconds=35)
    assert not job_run(job.id)
