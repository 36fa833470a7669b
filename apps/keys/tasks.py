from celery import shared_task

from apps.core.tenancy import across_tenants
from apps.keys.services import client_secret_purge


@shared_task  # type: ignore[untyped-decorator]
def purge_client_secrets() -> None:
    """Deletes the expired client secrets of all tenants. Once more does no harm."""
    with across_tenants(reason="purge of expired client secrets"):
        client_secret_purge()
