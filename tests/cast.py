from dataclasses import dataclass

from apps.accounts.models import User
from apps.accounts.services import user_create
from apps.core.tenancy import tenant_context
from apps.keys.services import CreatedKey, api_key_create
from apps.tenants.models import Membership, Role, Tenant
from apps.tenants.services import membership_create, tenant_create

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    user: User
    tenant: Tenant
    membership: Membership

    def make_key(self, name: str = "test", **fields: object) -> CreatedKey:
        with tenant_context(self.tenant.id):
            return api_key_create(name=name, **fields)


def owner_of(slug: str, name: str) -> Person:
    user = make_user(name)
    tenant = tenant_create(slug=slug, name=slug.title(), owner=user)
    with tenant_context(tenant.id):
        return Person(user, tenant, Membership.objects.get(user=user))


def member_of(tenant: Tenant, name: str, role: str) -> Person:
    user = make_user(name)
    with tenant_context(tenant.id):
        return Person(user, tenant, membership_create(user=user, role=Role(role)))


def make_user(name: str) -> User:
    return user_create(email=f"{name}@example.com", password=PASSWORD, name=name.title())
