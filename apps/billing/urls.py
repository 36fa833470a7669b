from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

from apps.billing import views

urlpatterns = [path("webhooks/stripe", views.stripe_webhook, name="stripe-webhook")]
if not settings.STRIPE_SECRET_KEY and find_spec("apps.billing.fake.urls"):
    urlpatterns.append(path("", include("apps.billing.fake.urls")))
