import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from apps.core.tasks import TenantTask
from apps.core.tenancy import across_tenants, tenant_context
from apps.files import store
from apps.reports.models import ReportRun, ReportSchedule
from apps.reports.services import schedule_run

_AT_ONCE = 500
_HISTORY = timedelta(days=400)  # of reports whose files are long gone

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def run_due_schedules() -> None:
    """Once more does no harm."""
    with across_tenants(reason="schedules of reports", whole_process=True):
        due = ReportSchedule.objects.filter(next_at__lte=timezone.now()).order_by("next_at")
        found = list(due.values_list("tenant_id", "id")[:_AT_ONCE])
    for tenant_id, schedule_id in found:
        run_schedule.delay(str(tenant_id), str(schedule_id))


@shared_task(base=TenantTask)  # type: ignore[untyped-decorator]
def run_schedule(tenant_id: uuid.UUID, schedule_id: str) -> None:
    schedule_run(schedule_id=uuid.UUID(schedule_id), now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def delete_expired_reports() -> None:
    """Their files go; that they were made is told for longer."""
    now = timezone.now()
    with across_tenants(reason="files of expired reports"):
        expired = ReportRun.objects.filter(expires_at__lte=now).order_by("expires_at")
        found = list(expired.values_list("tenant_id", "id")[:_AT_ONCE])
        ReportRun.objects.filter(requested_at__lt=now - _HISTORY, expires_at=None).delete()
    for tenant_id, run_id in found:
        with tenant_context(tenant_id):
            store.delete_all(store.name_of("reports", run_id))
            ReportRun.objects.filter(id=run_id, expires_at__lte=now).update(file="", expires_at=None)
    if found:
        log.info("reports_expired", count=len(found))
