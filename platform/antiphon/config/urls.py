from django.contrib import admin
from django.urls import include, path

from apps.dashboard import public

urlpatterns = [
    path("", public.home, name="landing"),
    path("", include("apps.api.urls")),
    path("docs/", public.docs, name="docs"),
    path("docs/quickstart", public.quickstart, name="quickstart"),
    path("docs/<slug:name>", public.document, name="document"),
    path("", include("apps.files.urls")),
    path("", include("apps.privacy.urls")),
    path("", include("apps.billing.urls")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.tenants.urls")),
    path("staff/", admin.site.urls),
    # Last, as they begin with the name of a tenant: see apps.tenants.slugs.
    path("", include("apps.dashboard.urls")),
]
