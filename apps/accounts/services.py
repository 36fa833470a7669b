from apps.accounts.models import User
from apps.core.tenancy import atomic


@atomic()
def user_create(*, email: str, password: str, name: str = "") -> User:
    """Raises ValidationError for a bad or taken address."""
    user = User(email=email, name=name)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user


@atomic()
def user_set_password(*, user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
