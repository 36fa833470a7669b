from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.routers.models import Router


@admin.register(Router)
class RouterAdmin(admin.ModelAdmin):
    """To look at only: tenants write their own, and each is checked when it is put."""

    list_display = ["__str__", "tenant", "kind", "version", "updated_at"]
    list_select_related = ["tenant"]
    readonly_fields = ["tenant", "name", "kind", "definition", "version", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
