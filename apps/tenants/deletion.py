"""The end of a tenant: at once nobody gets in; then its rows go, in small steps."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from graphlib import TopologicalSorter

import structlog
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.audit.services import record
from apps.conversations import runtime
from apps.conversations.calls import NoSuchCall
from apps.conversations.directory import OutOfReach
from apps.conversations.selectors import session_list
from apps.core.models import TenantModel
from apps.core.tenancy import atomic, on_commit
from apps.files import store
from apps.keys.models import ApiKey
from apps.tenants.models import Membership, Tenant

ROWS_AT_ONCE = 1000

log = structlog.get_logger(__name__)


@atomic()
def tenant_delete(*, tenant: Tenant) -> None:
    """From now on the current tenant has no members, its keys are refused and its sessions end. Its rows go soon
    after."""
    from apps.tenants.tasks import purge_deleted_tenants

    now = timezone.now()
    record(action="tenant.deleted", target=tenant, before={"slug": tenant.slug})
    log.warning("tenant_deleted", tenant_id=str(tenant.id), slug=tenant.slug)
    tenant.deleted_at = now
    tenant.save(update_fields=["deleted_at"])
    ApiKey.objects.filter(revoked_at=None).update(revoked_at=now)
    Membership.objects.all().delete()
    calls = list(session_list(is_open=True).exclude(call_id="").values_list("call_id", flat=True))
    on_commit(lambda: _hang_up(calls, tenant.id))
    on_commit(purge_deleted_tenants.delay)


def tenant_purge(*, tenant: Tenant) -> None:
    """Deletes all rows and files of a tenant that was deleted, and the tenant. Called across tenants; once more
    does no harm."""
    for model in _dependents_first():
        rows = model.objects.filter(tenant_id=tenant.id).order_by()
        while ids := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
            rows.filter(pk__in=ids).delete()
    store.delete_all(str(tenant.id))
    shutil.rmtree(settings.RECORDINGS_SPOOL / str(tenant.id), ignore_errors=True)
    tenant.delete()


def _hang_up(call_ids: list[str], tenant_id: uuid.UUID) -> None:
    for call_id in call_ids:
        with suppress(NoSuchCall, OutOfReach):
            async_to_sync(runtime.calls.hang_up)(call_id, str(tenant_id))


def _dependents_first() -> Iterator[type[TenantModel]]:
    """The tables of tenants, each before those that it points to."""
    tables = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    order: TopologicalSorter[type[TenantModel]] = TopologicalSorter({model: set() for model in tables})
    for model in tables:
        for field in model._meta.concrete_fields:
            # A link that may be empty makes no order: it can be part of a circle, and is emptied.
            if isinstance(field, models.ForeignKey) and not field.null and field.related_model in tables:
                order.add(field.related_model, model)
    return iter(tuple(order.static_order()))
