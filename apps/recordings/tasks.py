import structlog
from celery import shared_task
from django.conf import settings

from apps.core.tenancy import across_tenants, tenant_context
from apps.recordings.selectors import tenants_with_lost_ends
from apps.recordings.sending import send_left_behind
from apps.recordings.services import recordings_give_up

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def send_recordings_left_behind() -> None:
    """What crashed processes have left on the disk of this machine, should none of their kind live on it.
    Recordings whose end never came are processed with what there is."""
    if sent := send_left_behind(settings.RECORDINGS_SPOOL):
        log.info("recordings_taken_over", count=sent)
    with across_tenants(reason="look for recordings without an end", whole_process=True):
        tenants = tenants_with_lost_ends()
    for tenant_id in tenants:
        with tenant_context(tenant_id):
            recordings_give_up()
