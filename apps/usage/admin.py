from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.usage.models import UsageLine


@admin.register(UsageLine)
class UsageLineAdmin(ReadOnlyAdmin):
    """To look at only; with what it costs the operator, which tenants don't see."""

    list_display = [
        "at",
        "tenant",
        "session_id",
        "kind",
        "model",
        "unit",
        "quantity",
        "cost_micro",
        "price_micro",
        "margin_micro",
        "estimated",
        "is_priced",
    ]
    list_filter = ["kind", "is_priced"]
    list_select_related = ["tenant"]
    search_fields = ["session_id", "key"]
    show_full_result_count = False
