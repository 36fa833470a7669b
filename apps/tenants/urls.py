from django.urls import path

from apps.tenants import views

urlpatterns = [path("t/", views.home, name="home")]
