import uuid
from typing import Any

from celery import Task

from apps.core.tenancy import tenant_context


class TenantTask(Task):
    """Base of tasks that work for one tenant: the first argument is the tenant's id.

    `@shared_task(base=TenantTask)` over `def report_build(tenant_id, ...)`.
    """

    def __call__(self, tenant_id: str | uuid.UUID, *args: Any, **kwargs: Any) -> Any:
        tenant_id = uuid.UUID(str(tenant_id))
        with tenant_context(tenant_id):
            return self.run(tenant_id, *args, **kwargs)
