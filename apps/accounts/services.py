from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession

from apps.accounts.models import User
from apps.core.tenancy import atomic


@atomic()
def user_create(*, email: str, password: str, name: str = "") -> User:
    """Makes a person whose address counts as verified: who calls this vouches for it. Raises ValidationError for a
    bad or taken address."""
    user = User(email=email, name=name)
    user.set_password(password)
    user.full_clean()
    user.save()
    address_vouch(user=user)
    return user


@atomic()
def address_vouch(*, user: User) -> None:
    """The person's address counts as verified from now on."""
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )


@atomic()
def user_rename(*, user: User, name: str) -> None:
    """Raises ValidationError."""
    user.name = name
    user.full_clean()
    user.save(update_fields=["name"])


@atomic()
def user_set_password(*, user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])


def sign_in_end(*, user: User, session_id: int) -> bool:
    """Signs the person out in one of their browsers; False if they are not signed in there."""
    found = UserSession.objects.filter(user=user, id=session_id).first()
    if found is not None:
        found.end()
    return found is not None
