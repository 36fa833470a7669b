import structlog
from celery import shared_task
from django.utils import timezone

from apps.core.tenancy import tenant_context
from apps.privacy.retention import exports_expire, orphans_delete, retention_apply
from apps.tenants.models import Tenant

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def apply_retention() -> None:
    """What each tenant has kept for as long as it keeps it goes."""
    now = timezone.now()
    for tenant in Tenant.objects.filter(deleted_at=None):
        with tenant_context(tenant.id):
            expired = retention_apply(tenant=tenant, now=now)
            exports_expire(now=now)
        if expired != type(expired)():
            log.info(
                "retention_applied",
                tenant_id=str(tenant.id),
                recordings=expired.recordings,
                transcripts=expired.transcripts,
                logs=expired.logs,
                sessions=expired.sessions,
            )


@shared_task  # type: ignore[untyped-decorator]
def delete_orphans() -> None:
    for tenant in Tenant.objects.filter(deleted_at=None):
        with tenant_context(tenant.id):
            deleted = orphans_delete()
        if deleted:
            log.warning("orphans_deleted", tenant_id=str(tenant.id), files=deleted)
