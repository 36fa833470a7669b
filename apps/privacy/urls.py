from django.urls import path

from apps.privacy import views

urlpatterns = [path(".well-known/antiphon-manifest-keys", views.manifest_keys, name="manifest-keys")]
