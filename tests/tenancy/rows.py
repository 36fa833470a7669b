"""How to make a row of each tenant model. A new model gets a line here, or its tests fail."""

from collections.abc import Callable

from apps.core.models import TenantModel
from apps.keys.services import api_key_create
from apps.tenants.models import Role
from apps.tenants.services import membership_create
from tests.cast import make_user

MAKERS: dict[str, Callable[[str], TenantModel]] = {
    "tenants.Membership": lambda name: membership_create(user=make_user(name), role=Role.VIEWER),
    "keys.ApiKey": lambda name: api_key_create(name=name).key,
}
