from django.urls import path

from apps.tenants import views

urlpatterns = [path("dashboard/", views.home, name="home")]
