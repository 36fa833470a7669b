from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.agents.models import Agent


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):
    """To look at only: tenants edit their own, and versions never change."""

    list_display = ["__str__", "tenant", "name", "draft_saved_at", "archived_at"]
    list_select_related = ["tenant"]
    readonly_fields = ["tenant", "slug", "name", "tags", "draft", "draft_saved_at", "archived_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
