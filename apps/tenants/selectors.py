import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connections

from apps.core.tenancy import current_database
from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May


@dataclass(frozen=True, slots=True)
class PersonalMembership:
    """One person's place in one tenant, in the order of the columns of `membership_lookup`."""

    membership_id: uuid.UUID
    role: Role
    tenant_id: uuid.UUID
    tenant_slug: str
    tenant_name: str

    def allows(self, permission: May) -> bool:
        return permission in ALLOWED[self.role]

    @property
    def may(self) -> Mapping[str, bool]:
        """By name of the permission, for templates: `membership.may.build`."""
        return {permission.value: permission in ALLOWED[self.role] for permission in May}


def membership_lookup(*, user_id: uuid.UUID | None, slug: str | None = None) -> PersonalMembership | None:
    """The person's membership in that tenant, or their oldest one. Works before a tenant is known."""
    with connections[current_database()].cursor() as cursor:
        cursor.execute("SELECT * FROM membership_lookup(%s, %s)", [user_id, slug])
        row = cursor.fetchone()
    return row and PersonalMembership(row[0], Role(row[1]), *row[2:])
