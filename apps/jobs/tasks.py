import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from apps.core.tasks import TenantTask
from apps.core.tenancy import across_tenants, atomic
from apps.jobs.models import Job, JobState
from apps.jobs.running import due, job_run
from apps.jobs.services import job_nudge

_AT_ONCE = 500
_NUDGED_AGAIN = timedelta(seconds=60)  # a message of ours may have been lost with its broker
_KEPT = timedelta(days=30)

log = structlog.get_logger(__name__)


# The row decides who runs it, so that no message need come back from a worker that died.
@shared_task(base=TenantTask, acks_late=False)  # type: ignore[untyped-decorator]
def run_job(tenant_id: uuid.UUID, job_id: str) -> None:
    job_run(uuid.UUID(job_id))


@shared_task  # type: ignore[untyped-decorator]
def sweep_jobs() -> None:
    """Tells workers of jobs that nobody told them of, of those whose message was lost, and of those whose worker
    was."""
    now = timezone.now()
    with across_tenants(reason="sweep of jobs", whole_process=True), atomic():
        untold = Q(nudged_at=None) | Q(nudged_at__lt=now - _NUDGED_AGAIN)
        found = Job.objects.filter(due(now), untold).order_by("run_at").select_for_update(skip_locked=True)
        jobs = list(found[:_AT_ONCE])
        Job.objects.filter(id__in=[job.id for job in jobs]).update(nudged_at=now)
    for job in jobs:
        job_nudge(job)


@shared_task  # type: ignore[untyped-decorator]
def purge_jobs() -> None:
    """Jobs that were done are of no use after a while; dead letters stay until somebody has looked at them."""
    over = [JobState.DONE, JobState.CANCELLED]
    with across_tenants(reason="purge of old jobs"):
        deleted, _ = Job.objects.filter(state__in=over, finished_at__lt=timezone.now() - _KEPT).delete()
    if deleted:
        log.info("jobs_purged", count=deleted)
