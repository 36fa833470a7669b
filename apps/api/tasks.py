from celery import shared_task

from apps.api.services import request_purge
from apps.core.tenancy import across_tenants


@shared_task  # type: ignore[untyped-decorator]
def purge_idempotent_requests() -> None:
    """Deletes the old ones of all tenants. Once more does no harm."""
    with across_tenants(reason="purge of old idempotent requests"):
        request_purge()
