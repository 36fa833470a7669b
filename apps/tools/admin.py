from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.tools.models import Tool


@admin.register(Tool)
class ToolAdmin(admin.ModelAdmin):
    """To look at only: tenants write their own, and what lets us into their servers is shown to nobody."""

    list_display = ["slug", "tenant", "kind", "calls", "failures", "timeouts", "last_error", "archived_at"]
    list_select_related = ["tenant"]
    readonly_fields = [
        "tenant",
        "calls",
        "failures",
        "timeouts",
        "last_error",
        "last_called_at",
        "archived_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
