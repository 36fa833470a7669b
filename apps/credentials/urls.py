from django.urls import path

from apps.credentials import views

urlpatterns = [
    path("<slug:slug>/providers/", views.page, name="providers"),
    path("<slug:slug>/providers/keys/", views.set_credential, name="credential-set"),
    path("<slug:slug>/providers/servers/", views.put_provider, name="provider-put"),
    path("<slug:slug>/providers/<uuid:row_id>/check/", views.check, name="provider-check"),
    path("<slug:slug>/providers/<uuid:row_id>/delete/", views.delete, name="provider-delete"),
]
