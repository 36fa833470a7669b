from django.contrib import admin

from apps.conversations.models import RealtimeSession
from apps.core.admin import ReadOnlyAdmin


@admin.register(RealtimeSession)
class RealtimeSessionAdmin(ReadOnlyAdmin):
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
