from apps.accounts.models import User
from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic, tenant_context
from apps.tenants.models import Membership, Role, Tenant


@atomic()
def tenant_create(*, slug: str, name: str, owner: User) -> Tenant:
    """Raises ValidationError for a bad or taken slug."""
    tenant = Tenant(slug=slug, name=name)
    tenant.full_clean()
    tenant.save()
    with tenant_context(tenant.id):
        membership_create(user=owner, role=Role.OWNER)
        record(action="tenant.created", target=tenant, after=fields_of(tenant, "slug", "name"))
    return tenant


@atomic()
def membership_create(*, user: User, role: Role) -> Membership:
    """Makes the person a member of the current tenant. Raises ValidationError if they are one."""
    membership = Membership(user=user, role=role)
    membership.claim()
    membership.full_clean()
    membership.save()
    record(action="member.added", target=membership, after={"role": role}, label=user.email)
    return membership
