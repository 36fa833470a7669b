"""What allauth asks of us."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from apps.accounts.models import User
from apps.audit.acting import client_address
from apps.credentials.sealing import SECOND_FACTORS, seal, unseal


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This address and password don't fit together: check both.",
        "too_many_login_attempts": "Too many attempts failed: wait five minutes, or reset the password.",
        "incorrect_code": "This code is not right: look again, or ask for a new one.",
        "incorrect_password": "This is not your password.",
        "rate_limited": "Too many requests: wait a minute and try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """To everybody, or to those who came by an invitation."""
        return settings.SIGN_UP == "open" or bool(request.session.get("account_verified_email"))

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        super().save_user(request, user, form, commit)
        return user

    def get_client_ip(self, request: HttpRequest) -> str:
        """As the audit log has it; unspecified where the server listens on a socket."""
        return client_address(request) or "::"


class SecondFactorAdapter(DefaultMFAAdapter):
    """What codes are made from is kept encrypted. (What else it may be bound to, allauth does not tell here.)"""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right: enter the one that the app shows now.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text, SECOND_FACTORS, settings.ENCRYPTION_KEYS)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, SECOND_FACTORS, settings.ENCRYPTION_KEYS)


class SocialAdapter(DefaultSocialAccountAdapter):
    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = (data.get("name") or " ".join(filter(None, parts)))[:150]
        return user
