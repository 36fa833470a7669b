import uuid
from collections.abc import Collection

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from apps.accounts.models import User

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def users_with_second_factor(user_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of them who need more than a password to sign in."""
    found = Authenticator.objects.filter(user_id__in=user_ids, type__in=SECOND_FACTORS)
    return set(found.values_list("user_id", flat=True))


def user_by_email(email: str) -> User | None:
    return User.objects.filter(email=email.lower()).first()


def address_is_verified(user: User) -> bool:
    """Whether the address that the person signs in with is known to be theirs."""
    return bool(EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists())
