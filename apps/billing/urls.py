from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from apps.billing import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks/stripe", views.stripe_webhook, name="stripe-webhook")
]
if not settings.STRIPE_SECRET_KEY:
    urlpatterns.append(path("", include("apps.billing.fake.urls")))
