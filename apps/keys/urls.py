from django.urls import path

from apps.keys import views

urlpatterns = [
    path("<slug:slug>/", views.page, name="tenant"),
    path("<slug:slug>/keys/", views.create, name="key-create"),
    path("<slug:slug>/keys/<uuid:key_id>/revoke/", views.revoke, name="key-revoke"),
]
