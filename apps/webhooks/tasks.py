from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from apps.core.tenancy import across_tenants
from apps.webhooks.models import WebhookEvent
from apps.webhooks.sending import send_here

_KEPT = timedelta(days=30)
_DELETED_AT_ONCE = 1000

log = structlog.get_logger(__name__)


# The rows decide what is sent, so that no message need come back from a worker that died.
@shared_task(acks_late=False)  # type: ignore[untyped-decorator]
def send_webhooks() -> None:
    """Asked for by whoever has something to tell, and every few seconds for what nobody asked for: events of the
    session log, attempts that are due again, messages and workers that were lost."""
    send_here()


@shared_task  # type: ignore[untyped-decorator]
def purge_webhooks() -> None:
    """Events are kept for 30 days, with their deliveries."""
    count = 0
    with across_tenants(reason="purge of old webhooks"):
        old = WebhookEvent.objects.filter(at__lt=timezone.now() - _KEPT).order_by("at")
        while ids := list(old.values_list("id", flat=True)[:_DELETED_AT_ONCE]):
            WebhookEvent.objects.filter(id__in=ids).delete()
            count += len(ids)
    if count:
        log.info("webhooks_purged", count=count)
