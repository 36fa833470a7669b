from django.contrib import admin

from apps.audit.models import AuditEvent
from apps.core.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "tenant", "actor_label", "on_behalf_of", "action", "target_label"]
    list_select_related = ["tenant"]
    list_filter = ["actor_kind"]
    search_fields = ["actor_label", "action", "target_label", "tenant__slug"]
    show_full_result_count = False
    fields = [
        "at",
        "tenant",
        "actor_kind",
        "actor_label",
        "on_behalf_of",
        "address",
        "action",
        "target_kind",
        "target_id",
        "target_label",
        "before",
        "after",
        "request_id",
    ]
