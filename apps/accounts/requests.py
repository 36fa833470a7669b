from django.http import HttpRequest

from apps.accounts.models import User


class PersonalRequest(HttpRequest):
    """The request of a view that demands a signed-in person."""

    user: User
