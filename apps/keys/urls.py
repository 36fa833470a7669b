from django.urls import path

from apps.keys import views

urlpatterns = [
    path("<slug:slug>/keys/", views.keys, name="keys"),
    path("<slug:slug>/keys/<uuid:key_id>/revoke/", views.revoke, name="key-revoke"),
]
