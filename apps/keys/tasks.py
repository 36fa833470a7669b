import uuid
from datetime import datetime

from celery import shared_task

from apps.core.tasks import TenantTask
from apps.keys.services import api_key_mark_used


@shared_task(base=TenantTask)  # type: ignore[untyped-decorator]
def mark_used(tenant_id: uuid.UUID, key_id: str, at: str) -> None:
    api_key_mark_used(key_id=uuid.UUID(str(key_id)), at=datetime.fromisoformat(at))
