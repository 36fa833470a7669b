"""`TenantModel`, the base of every model whose rows belong to one tenant."""

import uuid
from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.db import models

from apps.core.tenancy import Across, CrossTenant, NoTenant, require_tenant

Row = TypeVar("Row", bound="TenantModel", covariant=True)


class TenantQuerySet(models.QuerySet[Row, Row]):
    def update(self, **values: Any) -> int:
        if "tenant" in values or "tenant_id" in values:
            raise CrossTenant("A row can't move to another tenant.")
        return super().update(**values)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.claim()
        return super().bulk_create(rows, *args, **kwargs)


class TenantManager(models.Manager[Row]):
    """Sees the rows of the current tenant only. Raises NoTenant."""

    _queryset_class = TenantQuerySet

    def get_queryset(self) -> models.QuerySet[Row]:
        tenant = require_tenant()
        rows = super().get_queryset()
        return rows if isinstance(tenant, Across) else rows.filter(tenant_id=tenant)


class TenantModel(models.Model):
    """A row of one tenant.

    A subclass's Meta inherits from `TenantModel.Meta`, and its migration ends with `EnableRowSecurity`.

    The base manager is scoped too, so saving, refreshing, following a foreign key and cascading stay inside.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+", editable=False)

    objects = TenantManager[Self]()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def claim(self) -> None:
        """Stamps the current tenant on a new row. Raises CrossTenant for what is, or links to, another's."""
        tenant = require_tenant()
        if not isinstance(tenant, Across):
            if self.tenant_id is None:
                self.tenant_id = tenant
            if self.tenant_id != tenant:
                raise CrossTenant(f"This {self._meta.verbose_name} belongs to another tenant.")
        elif self.tenant_id is None:
            raise NoTenant(f"Across tenants a {self._meta.verbose_name} needs its tenant spelled out.")
        for field in self._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.is_cached(self):
                linked = getattr(self, field.name)
                if isinstance(linked, TenantModel) and linked.tenant_id != self.tenant_id:
                    raise CrossTenant(f"{field.name} belongs to another tenant.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.claim()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.claim()
        return super().delete(*args, **kwargs)
