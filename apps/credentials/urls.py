from django.urls import path

from apps.credentials import views

urlpatterns = [
    path("t/<slug:slug>/providers/", views.page, name="providers"),
    path("t/<slug:slug>/providers/keys/", views.set_credential, name="credential-set"),
    path("t/<slug:slug>/providers/servers/", views.put_provider, name="provider-put"),
    path("t/<slug:slug>/providers/<uuid:row_id>/check/", views.check, name="provider-check"),
    path("t/<slug:slug>/providers/<uuid:row_id>/delete/", views.delete, name="provider-delete"),
]
