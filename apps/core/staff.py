"""The staff admin at /staff/: for superusers, across all tenants."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.tenancy import across_tenants


class StaffAdminConfig(AdminConfig):
    default_site = "apps.core.staff.StaffSite"


class StaffSite(AdminSite):
    site_header = site_title = "Antiphon staff"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        checked = super().admin_view(view, cacheable)

        def across(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with across_tenants(reason=f"staff admin, user {request.user.pk}"):
                response: HttpResponseBase = checked(request, *args, **kwargs)
                if hasattr(response, "render"):
                    response.render()  # lists are read while rendering
            return response

        return across
