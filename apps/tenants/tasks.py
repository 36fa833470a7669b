import structlog
from celery import shared_task

from apps.core.tenancy import across_tenants
from apps.tenants.deletion import tenant_purge
from apps.tenants.models import Tenant

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def purge_deleted_tenants() -> None:
    """Deletes what is left of tenants that were deleted. Once more does no harm."""
    with across_tenants(reason="purge of deleted tenants"):
        for tenant in Tenant.objects.exclude(deleted_at=None):
            tenant_purge(tenant=tenant)
            log.info("tenant_purged", slug=tenant.slug)
