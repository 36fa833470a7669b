from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.accounts.models import User

# Secrets of persons, and what nothing here uses.
for hidden in (Authenticator, SocialApp, SocialToken, SocialAccount, EmailAddress, UserSession, Group):
    admin.site.unregister(hidden)


@admin.register(User)
class UserAdmin(ModelAdmin):
    """A person changes their name and address by themselves."""

    list_display = ["email", "name", "is_active", "is_superuser", "last_login", "created_at"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at"]
    readonly_fields = ["email", "name", "last_login", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
