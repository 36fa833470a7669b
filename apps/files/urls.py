from django.urls import path

from apps.files import views

urlpatterns = [path("files/<str:token>", views.file, name="file")]
