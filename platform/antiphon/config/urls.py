from django.contrib import admin
from django.urls import include, path

from apps.core.views import landing

urlpatterns = [
    path("", landing, name="landing"),
    path("", include("apps.accounts.urls")),
    path("", include("apps.tenants.urls")),
    path("", include("apps.api.urls")),
    path("staff/", admin.site.urls),
    # Last, as they begin with the name of a tenant: see apps.tenants.slugs.
    path("", include("apps.dashboard.urls")),
    path("", include("apps.keys.urls")),
]
