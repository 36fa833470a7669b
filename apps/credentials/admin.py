from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.credentials.models import ProviderCredential, TenantProvider


class _SealedKeyAdmin(admin.ModelAdmin):
    """To look at only: keys are set by their tenants, and shown to nobody."""

    list_select_related = ["tenant"]
    exclude = ["sealed_key", "last_four"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ProviderCredential)
class ProviderCredentialAdmin(_SealedKeyAdmin):
    list_display = ["provider", "tenant", "masked", "last_checked_at", "check_error"]
    readonly_fields = ["provider", "tenant", "masked", "created_at", "last_checked_at", "check_error"]


@admin.register(TenantProvider)
class TenantProviderAdmin(_SealedKeyAdmin):
    list_display = ["slug", "tenant", "dialect", "base_url", "masked", "last_checked_at", "check_error"]
    readonly_fields = ["tenant", "masked", "created_at", "last_checked_at", "check_error"]
