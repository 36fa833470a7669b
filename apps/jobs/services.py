import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.core.tenancy import Across, CrossTenant, atomic, on_commit, require_tenant
from apps.jobs.models import Job, JobState

log = structlog.get_logger(__name__)

RETRIABLE = (JobState.FAILED, JobState.CANCELLED)
_ANEW: dict[str, Any] = {
    "state": JobState.WAITING,
    "attempts": 0,
    "done": 0,
    "steps": 0,
    "note": "",
    "error": "",
    "lease": None,
    "leased_until": None,
    "held_since": None,
    "nudged_at": None,
    "finished_at": None,
}


@atomic()
def job_add(
    *,
    kind: str,
    key: str,
    arguments: Mapping[str, Any] | None = None,
    session_id: str = "",
    run_at: datetime | None = None,
    again: bool = False,
) -> Job:
    """Has it done once the transaction is committed, at `run_at` if that is given. A job of this kind and key that
    is there already stays as it is; with `again`, one that is over is done once more. Raises CrossTenant outside
    a tenant."""
    if isinstance(require_tenant(), Across):
        raise CrossTenant("A job is one tenant's: enter tenant_context(tenant_id) before it is added.")
    run_at = run_at or timezone.now()
    job, is_new = Job.objects.get_or_create(
        kind=kind,
        key=key,
        defaults={"arguments": dict(arguments or {}), "session_id": session_id, "run_at": run_at},
    )
    if not is_new and again:
        Job.objects.filter(id=job.id).exclude(state__in=[JobState.WAITING, JobState.RUNNING]).update(
            **_ANEW, arguments=dict(arguments or {}), run_at=run_at
        )
        job.refresh_from_db()
    if job.state == JobState.WAITING and run_at <= timezone.now():
        on_commit(lambda: job_nudge(job))
    return job


@atomic()
def job_cancel(*, job: Job) -> None:
    """One that runs stops at its next step. Raises ValidationError for one that is over."""
    now = timezone.now()
    live = Job.objects.filter(id=job.id, state__in=[JobState.WAITING, JobState.RUNNING])
    if not live.update(state=JobState.CANCELLED, lease=None, leased_until=None, finished_at=now):
        raise ValidationError("It is over already: there is nothing to cancel.")
    job.refresh_from_db()


@atomic()
def jobs_restart(*, kind: str) -> None:
    """Those of the current tenant that run begin anew: what they have read is no longer so."""
    for job in Job.objects.filter(kind=kind, state=JobState.RUNNING):
        if Job.objects.filter(id=job.id, lease=job.lease, state=JobState.RUNNING).update(
            **_ANEW, run_at=timezone.now()
        ):
            on_commit(partial(job_nudge, job))


@atomic()
def job_retry(*, job: Job) -> None:
    """Raises ValidationError for one that is not over, or that was done."""
    over = Job.objects.filter(id=job.id, state__in=RETRIABLE)
    if not over.update(**_ANEW, run_at=timezone.now()):
        raise ValidationError("Only a job that failed or was cancelled can be run again.")
    job.refresh_from_db()
    on_commit(lambda: job_nudge(job))


def job_nudge(job: Job) -> bool:
    """Tells the workers. Without a broker the next sweep does. Whether they were told."""
    return nudge(job.kind, job.id, job.tenant_id)


def nudge(kind: str, job_id: uuid.UUID, tenant_id: uuid.UUID) -> bool:
    from apps.jobs.tasks import run_job

    try:
        run_job.apply_async((str(tenant_id), str(job_id), kind), retry=False)
    except (OperationalError, RedisError, OSError) as error:  # kombu lets some through as they are
        log.warning("job_not_nudged", kind=kind, error=str(error))
        return False
    return True
