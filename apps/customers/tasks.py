import uuid
from datetime import UTC, timedelta

import structlog
from celery import shared_task
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.core.tasks import TenantTask
from apps.core.tenancy import across_tenants
from apps.customers.models import Customer
from apps.customers.selectors import months_due
from apps.customers.services import statement_issue

WAIT = timedelta(hours=6)
"""After a month, until its statements are made: what crashed processes have left is recorded by then. What comes
later is on the next one."""

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def issue_statements() -> None:
    """Has the statements of all months that are over issued. Once more does no harm."""
    with across_tenants(reason="statements of tenants' customers"):
        tenants = list(Customer.objects.order_by().values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        issue_statements_of.delay(str(tenant_id))


@shared_task(base=TenantTask)  # type: ignore[untyped-decorator]
def issue_statements_of(tenant_id: uuid.UUID) -> None:
    today = (timezone.now() - WAIT).astimezone(UTC).date()
    for customer in Customer.objects.order_by("id"):
        for month in months_due(customer, today=today):
            try:
                statement_issue(customer=customer, month=month)
            except ValidationError as error:  # somebody else has just done so
                log.info("statement_not_issued", customer_id=str(customer.pk), reason=error.messages[0])
