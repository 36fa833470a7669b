import structlog
from celery import shared_task

from apps.conversations.services import sessions_close_abandoned
from apps.core.tenancy import across_tenants

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def close_abandoned_sessions() -> None:
    """For processes that crashed."""
    with across_tenants(reason="end the sessions of crashed processes"):
        closed = sessions_close_abandoned()
    if closed:
        log.warning("sessions_crashed", count=closed)
