from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.keys.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """To look at only: keys are made by their tenants, who alone see them."""

    list_display = ["masked", "tenant", "name", "last_used_at", "expires_at", "revoked_at"]
    list_select_related = ["tenant"]
    readonly_fields = [
        "masked",
        "tenant",
        "name",
        "scopes",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
