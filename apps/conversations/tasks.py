from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from apps.conversations.selectors import log_days
from apps.conversations.services import sessions_close_abandoned, sessions_delete_ended
from apps.core.tenancy import across_tenants, tenant_context
from apps.tenants.models import Tenant

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def close_abandoned_sessions() -> None:
    """For processes that crashed."""
    with across_tenants(reason="end the sessions of crashed processes"):
        closed = sessions_close_abandoned()
    if closed:
        log.warning("sessions_crashed", count=closed)


@shared_task  # type: ignore[untyped-decorator]
def delete_expired_logs() -> None:
    """Each tenant's sessions, with their logs, once they have been kept as long as that tenant keeps them."""
    now = timezone.now()
    for tenant in Tenant.objects.all():
        with tenant_context(tenant.id):
            deleted = sessions_delete_ended(before=now - timedelta(days=log_days(tenant)))
        if deleted:
            log.info("session_logs_deleted", tenant_id=str(tenant.id), sessions=deleted)
