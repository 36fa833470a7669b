"""Mounted only where there is no key for Stripe itself."""

from django.urls import path

from apps.billing.fake import views

urlpatterns = [
    path("fake-stripe/checkout/<str:id>", views.checkout_page, name="fake-checkout"),
    path("fake-stripe/portal/<str:id>", views.portal_page, name="fake-portal"),
    path("fake-stripe/invoice/<str:id>", views.invoice_page, name="fake-invoice"),
    path("fake-stripe/authenticate/<str:id>", views.authenticate_page, name="fake-authenticate"),
]
