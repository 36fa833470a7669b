import uuid
from datetime import timedelta

from django.utils import timezone

from apps.api.models import IdempotentRequest
from apps.core.tenancy import atomic

KEPT = timedelta(hours=24)


@atomic()
def request_keep(
    *,
    key_id: uuid.UUID,
    operation: str,
    idempotency_key: str,
    body_digest: bytes,
    status: int,
    body: str,
) -> None:
    """Keeps the response of what was carried out. Raises Unsealable."""
    row = IdempotentRequest(
        key_id=key_id,
        operation=operation,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
        status=status,
    )
    row.claim()
    row.seal_body(body)
    row.save(force_insert=True)


@atomic()
def request_purge() -> int:
    """Deletes what was kept longer than KEPT, and says how many those were."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted
