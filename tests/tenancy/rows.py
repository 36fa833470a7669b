"""How to make a row of each tenant model. A new model gets a line here, or its tests fail."""

from collections.abc import Callable
from datetime import timedelta

from apps.core.models import TenantModel
from apps.keys.services import api_key_create, client_secret_create
from apps.tenants.models import Role
from apps.tenants.services import membership_create
from tests.cast import make_user


def make_client_secret(name: str) -> TenantModel:
    key = api_key_create(name=name).key
    return client_secret_create(
        key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=10)
    ).secret


MAKERS: dict[str, Callable[[str], TenantModel]] = {
    "tenants.Membership": lambda name: membership_create(user=make_user(name), role=Role.VIEWER),
    "keys.ApiKey": lambda name: api_key_create(name=name).key,
    "keys.ClientSecret": make_client_secret,
}
