from allauth.account.views import login, logout, signup
from django.urls import include, path

from apps.accounts import views

own = [
    path("", views.profile, name="account"),
    path("sessions/<int:session_id>/end/", views.end_sign_in, name="sign-in-end"),
    # allauth's, under the names that our pages use.
    path("login/", login, name="sign-in"),
    path("logout/", logout, name="sign-out"),
    path("signup/", signup, name="sign-up"),
]
urlpatterns = [
    path("accounts/", include(own)),
    path("accounts/", include("allauth.urls")),
]
