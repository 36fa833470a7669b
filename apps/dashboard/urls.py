from django.urls import path

from apps.dashboard import styleguide

urlpatterns = [path("styleguide", styleguide.page, name="styleguide")]
