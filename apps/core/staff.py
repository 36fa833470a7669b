"""The staff admin at /staff/: for superusers, across all tenants."""

from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.sites import UnfoldAdminSite

from apps.core.tenancy import across_tenants

# Its scripts evaluate expressions in attributes, and it sets colours in a style element.
_RELAXED = csp_replace({"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]})


class StaffAdminConfig(AdminConfig):
    default_site = "apps.core.staff.StaffSite"


class StaffSite(UnfoldAdminSite):
    site_header = site_title = "Antiphon staff"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """By the sign-in of all people, which is throttled and asks for the second factor."""
        if request.user.is_authenticated:
            raise PermissionDenied("The staff pages are for superusers.")
        next_page = request.GET.get("next") or request.get_full_path()
        return redirect(f"{reverse('sign-in')}?{urlencode({'next': next_page})}")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        checked = super().admin_view(view, cacheable)

        @_RELAXED
        def across(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with across_tenants(reason=f"staff admin, user {request.user.pk}"):
                response: HttpResponseBase = checked(request, *args, **kwargs)
                if hasattr(response, "render"):
                    response.render()  # lists are read while rendering
            return response

        return across
