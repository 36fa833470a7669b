from django.urls import path

from apps.dashboard import playground, styleguide

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
    path("<slug:slug>/playground/", playground.page, name="playground"),
    path("<slug:slug>/playground/secret/", playground.secret, name="playground-secret"),
]
