from django.urls import path

from apps.tenants import views

urlpatterns = [
    path("dashboard/", views.home, name="home"),
    path("dashboard/new/", views.new_workspace, name="workspace-new"),
    path("dashboard/new/address/", views.proposed_address, name="workspace-address"),
    path("dashboard/switcher/", views.switcher, name="tenant-switcher"),
    path("dashboard/stop-acting/", views.stop_acting, name="stop-acting"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
]
