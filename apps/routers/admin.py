from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.routers.models import Router


@admin.register(Router)
class RouterAdmin(ReadOnlyAdmin):
    """To look at only: tenants write their own, and each is checked when it is put."""

    list_display = ["__str__", "tenant", "kind", "version", "updated_at"]
    list_select_related = ["tenant"]
    readonly_fields = ["tenant", "name", "kind", "definition", "version", "updated_at"]
