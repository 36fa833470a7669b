"""The platform's addresses with those of the stand-in, as an installation without a key has them."""

from django.urls import include, path

from antiphon.config.urls import urlpatterns as platform

urlpatterns = [path("", include("apps.billing.fake.urls")), *platform]
