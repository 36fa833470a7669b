import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.services import fields_of, record
from apps.billing.services import account_open
from apps.core.tenancy import atomic, tenant_context
from apps.tenants.models import Membership, Role, Tenant
from apps.tenants.roles import is_above, may_grant

ACTIVE_STEP = timedelta(minutes=5)  # how exactly it is known when a member was here

EDITABLE = (
    "name",
    "slug",
    "default_model",
    "default_transcription_model",
    "default_speech_model",
    "default_voice",
    "log_days",
    "transcript_days",
    "recording_days",
)


@atomic()
def tenant_create(*, slug: str, name: str, owner: User) -> Tenant:
    """Raises ValidationError for a bad or taken slug."""
    tenant = Tenant(slug=slug, name=name)
    tenant.full_clean()
    tenant.save()
    with tenant_context(tenant.id):
        membership_create(user=owner, role=Role.OWNER)
        account_open()
        record(action="tenant.created", target=tenant, after=fields_of(tenant, "slug", "name"))
    return tenant


@atomic()
def tenant_update(*, tenant: Tenant, changes: Mapping[str, Any]) -> Tenant:
    """Changes some of the EDITABLE fields of the current tenant. Under another slug its old addresses end at once.
    Raises ValidationError."""
    if unknown := set(changes) - set(EDITABLE):
        raise ValidationError(f"A workspace has no setting {sorted(unknown)[0]!r}.")
    before = fields_of(tenant, *EDITABLE)
    for name, value in changes.items():
        setattr(tenant, name, value)
    tenant.full_clean()
    after = fields_of(tenant, *EDITABLE)
    if after != before:
        tenant.save(update_fields=list(changes))
        record(action="tenant.updated", target=tenant, before=before, after=after)
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


@atomic()
def membership_set_role(*, membership: Membership, role: Role, granter: Role) -> Membership:
    """Gives a member another role, as somebody with the role `granter` may. Raises ValidationError."""
    membership = _locked(membership)
    _require_at_least(granter, membership)
    if membership.role == Role.OWNER:
        raise ValidationError(
            "The owner stays the owner until the workspace is handed over to another member."
        )
    if not may_grant(granter, role):
        raise ValidationError(f"You can't give the role {role.label.lower()}.")
    before = {"role": membership.role}
    if membership.role != role:
        membership.role = role
        membership.full_clean()
        membership.save(update_fields=["role"])
        label = membership.user.email
        record(
            action="member.role_changed", target=membership, before=before, after={"role": role}, label=label
        )
    return membership


@atomic()
def membership_remove(*, membership: Membership, granter: Role) -> None:
    """Takes a member out, as somebody with the role `granter` may. Raises ValidationError."""
    membership = _locked(membership)
    _require_at_least(granter, membership)
    _delete(membership, "member.removed")


@atomic()
def membership_leave(*, membership: Membership) -> None:
    """The member goes by themselves. Raises ValidationError for the last owner."""
    _delete(_locked(membership), "member.left")


@atomic()
def ownership_transfer(*, owner: Membership, successor: Membership) -> None:
    """Hands the workspace over to another member; who owned it becomes an admin. Raises ValidationError."""
    owner, successor = _locked(owner), _locked(successor)
    if owner.role != Role.OWNER or successor.pk == owner.pk:
        raise ValidationError("Only an owner hands a workspace over, and to somebody else.")
    for membership, role in ((owner, Role.ADMIN), (successor, Role.OWNER)):
        membership.role = role
        membership.full_clean()
        membership.save(update_fields=["role"])
    record(
        action="tenant.transferred",
        target=owner.tenant,
        before={"owner": owner.user.email},
        after={"owner": successor.user.email},
    )


@atomic()
def membership_mark_active(*, membership_id: uuid.UUID, at: datetime) -> None:
    """Writes at most once per ACTIVE_STEP, however often it is called."""
    stale = Q(last_active_at=None) | Q(last_active_at__lt=at - ACTIVE_STEP)
    Membership.objects.filter(stale, id=membership_id).update(last_active_at=at)


def is_stale(last_active_at: datetime | None) -> bool:
    """Whether `membership_mark_active` has something to write."""
    return last_active_at is None or last_active_at < timezone.now() - ACTIVE_STEP


def _locked(membership: Membership) -> Membership:
    """As it is now, after everybody else who changes a member of the tenant."""
    list(Membership.objects.select_for_update().order_by("id").values_list("id"))
    found = Membership.objects.select_related("user", "tenant").filter(id=membership.pk).first()
    if found is None:
        raise ValidationError("This member has left already.")
    return found


def _require_at_least(granter: Role, membership: Membership) -> None:
    if is_above(Role(membership.role), granter):
        raise ValidationError("Nobody changes a member whose role is above their own.")


def _delete(membership: Membership, action: str) -> None:
    owners = Membership.objects.filter(role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(id=membership.pk).exists():
        raise ValidationError(
            "The last owner can't leave: hand the workspace over to another member first, or delete it."
        )
    record(action=action, target=membership, before={"role": membership.role}, label=membership.user.email)
    membership.delete()
