from allauth.account.views import login, logout, signup
from django.urls import include, path

from apps.accounts import views

urlpatterns = [
    path("accounts/", views.profile, name="account"),
    path("accounts/sessions/<int:session_id>/end/", views.end_sign_in, name="sign-in-end"),
    # allauth's own, under the names that our pages use.
    path("accounts/login/", login, name="sign-in"),
    path("accounts/logout/", logout, name="sign-out"),
    path("accounts/signup/", signup, name="sign-up"),
    path("accounts/", include("allauth.urls")),
]
