import uuid
from collections.abc import Sequence
from dataclasses import replace

import structlog
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, QuerySet, Value

from antiphon.providers.base.provider import Provider
from antiphon.providers.vendors import VENDORS, server
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential, TenantProvider
from apps.credentials.sealing import Place, Unsealable, unseal

log = structlog.get_logger(__name__)

_NO_KINDS = Value(None, output_field=ArrayField(CharField()))


def credential_list() -> QuerySet[ProviderCredential]:
    """The current tenant's keys for vendors."""
    return ProviderCredential.objects.all()


def provider_list() -> QuerySet[TenantProvider]:
    """The current tenant's own servers."""
    return TenantProvider.objects.all()


def providers_of(tenant_id: uuid.UUID) -> dict[str, Provider]:
    """What a tenant brings itself, by slug, as it is now: vendors with its keys, and its own servers. One query.

    A key that can't be opened makes a provider that can't be used, for nobody else's key may take its place.
    """
    with tenant_context(tenant_id):
        rows = list(
            ProviderCredential.objects.order_by()
            .values_list("id", "provider", "sealed_key", "base_url", Value(""), _NO_KINDS)
            .union(
                TenantProvider.objects.order_by().values_list(
                    "id", "slug", "sealed_key", "base_url", "dialect", "kinds"
                )
            )
        )
    providers: dict[str, Provider] = {}
    for row_id, slug, sealed, base_url, dialect, kinds in rows:
        if not dialect and slug not in VENDORS:
            continue  # a vendor that this version knows no more
        table = (TenantProvider if dialect else ProviderCredential)._meta.db_table
        place = Place(tenant_id, table, "sealed_key", row_id)
        try:
            key = unseal(sealed, place, settings.ENCRYPTION_KEYS) if sealed else None
        except Unsealable as error:
            log.warning("provider_key_unreadable", tenant_id=str(tenant_id), provider=slug, reason=str(error))
            key = None
        provider = _own(slug, dialect, kinds, base_url, key) if dialect else _vendor(slug, base_url, key)
        providers[slug] = replace(provider, unreadable=bool(sealed) and key is None)
    return providers


def provider_of(row: ProviderCredential | TenantProvider) -> Provider:
    """The provider that a row stands for, with its key. Raises Unsealable."""
    if isinstance(row, TenantProvider):
        return _own(row.slug, row.dialect, row.kinds, row.base_url, row.unseal_key())
    return _vendor(row.provider, row.base_url, row.unseal_key())


def _vendor(slug: str, base_url: str, key: str | None) -> Provider:
    vendor = replace(VENDORS[slug], api_key=key)
    return vendor.at(base_url, filtered=True) if base_url else vendor


def _own(slug: str, dialect: str, kinds: Sequence[str], base_url: str, key: str | None) -> Provider:
    return server(slug, base_url, key, dialect=dialect, kinds=kinds, filtered=True)  # type: ignore[arg-type]
