from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.conversations.models import RealtimeSession


@admin.register(RealtimeSession)
class RealtimeSessionAdmin(admin.ModelAdmin):
    """To look at only, and without what was said, which is the tenant's own."""

    list_display = [
        "session_id",
        "tenant",
        "model",
        "started_at",
        "ended_at",
        "end_reason",
        "turns",
        "errors",
    ]
    list_filter = ["kind", "end_reason"]
    list_select_related = ["tenant"]
    search_fields = ["session_id", "call_id"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
