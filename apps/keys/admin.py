from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.keys.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
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
