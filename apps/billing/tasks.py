from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from apps.billing.models import Kind, LedgerTransaction
from apps.billing.warnings import warnings_send
from apps.core.tenancy import across_tenants, tenant_context

_LOOK_BACK = timedelta(minutes=15)  # longer than from one look to the next

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def warn_of_spending() -> None:
    """Warns the members of those tenants that used something lately. Once more does no harm."""
    with across_tenants(reason="warnings of spending"):
        recent = LedgerTransaction.objects.filter(kind=Kind.USAGE, at__gte=timezone.now() - _LOOK_BACK)
        tenants = list(recent.order_by().values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        try:
            with tenant_context(tenant_id):
                warnings_send()
        except Exception:  # one tenant's mail server is no reason to leave the others untold
            log.exception("spending_not_warned", tenant_id=str(tenant_id))
