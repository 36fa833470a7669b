from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.credentials.models import ProviderCredential, TenantProvider


class _SealedKeyAdmin(ReadOnlyAdmin):
    """To look at only: keys are set by their tenants, and shown to nobody."""

    list_select_related = ["tenant"]
    exclude = ["sealed_key", "last_four"]


@admin.register(ProviderCredential)
class ProviderCredentialAdmin(_SealedKeyAdmin):
    list_display = ["provider", "tenant", "masked", "last_checked_at", "check_error"]
    readonly_fields = ["provider", "tenant", "masked", "created_at", "last_checked_at", "check_error"]


@admin.register(TenantProvider)
class TenantProviderAdmin(_SealedKeyAdmin):
    list_display = ["slug", "tenant", "dialect", "base_url", "masked", "last_checked_at", "check_error"]
    readonly_fields = ["tenant", "masked", "created_at", "last_checked_at", "check_error"]
