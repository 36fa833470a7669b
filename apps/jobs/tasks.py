import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from apps.core.tasks import TenantTask
from apps.core.tenancy import across_tenants, atomic
from apps.jobs.lanes import lane_of
from apps.jobs.models import Job, JobState
from apps.jobs.running import due, job_run, leaving
from apps.jobs.selectors import SWEPT_AT
from apps.jobs.services import job_nudge, nudge

_AT_ONCE = 500
_LATE = timedelta(minutes=5)
_ALARMED = "jobs:alarmed"
_ALARM_AGAIN = 3600  # seconds
_KEPT = timedelta(days=30)

log = structlog.get_logger(__name__)


# The row decides who runs it, so that no message need come back from a worker that died.
@shared_task(base=TenantTask, acks_late=False)  # type: ignore[untyped-decorator]
def run_job(tenant_id: uuid.UUID, job_id: str, kind: str = "") -> None:
    lane = lane_of(kind)
    if lane is None:
        job_run(uuid.UUID(job_id))
    elif lane.enter(uuid.UUID(job_id), tenant_id):
        try:
            job_run(uuid.UUID(job_id))
        finally:
            following = lane.leave()
            if following is not None:
                nudge(kind, *following)


@shared_task  # type: ignore[untyped-decorator]
def sweep_jobs() -> None:
    """Tells workers of jobs that nobody told them of, of those whose message was lost, and of those whose worker
    was."""
    now = timezone.now()
    lost = timedelta(
        seconds=settings.JOB_NUDGE_SECONDS
    )  # a message of ours may have been lost with its broker
    with across_tenants(reason="sweep of jobs", whole_process=True):
        with atomic():
            untold = Q(nudged_at=None) | Q(nudged_at__lt=now - lost)
            found = (
                Job.objects.filter(due(now), untold).order_by("run_at").select_for_update(skip_locked=True)
            )
            jobs = list(found[:_AT_ONCE])
            Job.objects.filter(id__in=[job.id for job in jobs]).update(nudged_at=now)
        late = Job.objects.filter(due(now - _LATE)).count()
    for job in jobs:
        if not job_nudge(job):
            break  # the broker is gone: those that are left are told of after a while
    cache.set(SWEPT_AT, now, timeout=None)
    _alarm(late)


def _alarm(late: int) -> None:
    """Once, until all is well again or an hour is over."""
    if not late:
        cache.delete(_ALARMED)
    elif cache.add(_ALARMED, True, timeout=_ALARM_AGAIN):
        log.error("jobs_late", count=late, minutes=_LATE.total_seconds() / 60)


@worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def leave(**_: object) -> None:
    """What takes long is left to another worker at once, rather than killed and taken over later."""
    leaving.set()


@shared_task  # type: ignore[untyped-decorator]
def purge_jobs() -> None:
    """Jobs that were done are of no use after a while; dead letters stay until somebody has looked at them."""
    over = [JobState.DONE, JobState.CANCELLED]
    with across_tenants(reason="purge of old jobs"):
        deleted, _ = Job.objects.filter(state__in=over, finished_at__lt=timezone.now() - _KEPT).delete()
    if deleted:
        log.info("jobs_purged", count=deleted)
