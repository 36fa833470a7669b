from django.urls import path

from apps.keys import views

urlpatterns = [
    path("t/<slug:slug>/", views.page, name="tenant"),
    path("t/<slug:slug>/keys/", views.create, name="key-create"),
    path("t/<slug:slug>/keys/<uuid:key_id>/revoke/", views.revoke, name="key-revoke"),
]
