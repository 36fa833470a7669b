import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify

from apps.core.tenancy import current_database
from apps.tenants.models import Invitation, Membership, Role, Tenant
from apps.tenants.roles import ALLOWED, NEVER_AS_STAFF, May
from apps.tenants.slugs import reserved_slugs


@dataclass(frozen=True, slots=True)
class PersonalMembership:
    """One person's place in one tenant, in the order of the columns of `membership_lookup`.

    `acting_as` is the person's address where staff acts as them.
    """

    membership_id: uuid.UUID
    role: Role
    tenant_id: uuid.UUID
    tenant_slug: str
    tenant_name: str
    last_active_at: datetime | None = None
    acting_as: str = ""

    def allows(self, permission: May) -> bool:
        if self.acting_as and permission in NEVER_AS_STAFF:
            return False
        return permission in ALLOWED[self.role]

    @property
    def may(self) -> Mapping[str, bool]:
        """By name of the permission, for templates: `membership.may.build`."""
        return {permission.value: self.allows(permission) for permission in May}


def membership_lookup(*, user_id: uuid.UUID | None, slug: str | None = None) -> PersonalMembership | None:
    """The person's membership in that tenant, or the one they used last. Works before a tenant is known."""
    found = _memberships(user_id, slug, limit=1)
    return found[0] if found else None


def memberships_of(*, user_id: uuid.UUID) -> list[PersonalMembership]:
    """All of a person's, the one they used last first."""
    return _memberships(user_id, None, limit=None)


def _memberships(
    user_id: uuid.UUID | None, slug: str | None, *, limit: int | None
) -> list[PersonalMembership]:
    with connections[current_database()].cursor() as cursor:
        cursor.execute("SELECT * FROM membership_lookup(%s, %s) LIMIT %s", [user_id, slug, limit])
        return [PersonalMembership(row[0], Role(row[1]), *row[2:]) for row in cursor.fetchall()]


def member_list() -> QuerySet[Membership]:
    """The current tenant's, the oldest first."""
    return Membership.objects.select_related("user").order_by("created_at", "id")


def invitation_list() -> QuerySet[Invitation]:
    """The current tenant's that nobody has accepted, newest first."""
    return Invitation.objects.filter(accepted_at=None)


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """An invitation as who has its token may see it, in the order of the columns of `invitation_lookup`."""

    invitation_id: uuid.UUID
    tenant_id: uuid.UUID
    tenant_slug: str
    tenant_name: str
    email: str
    role: Role
    expires_at: datetime
    invited_by: str | None

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()


def invitation_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def invitation_lookup(token: str) -> InvitationRecord | None:
    """The invitation of that token, unless it was accepted or taken back. Works before a tenant is known."""
    with connections[current_database()].cursor() as cursor:
        cursor.execute("SELECT * FROM invitation_lookup(%s)", [invitation_digest(token)])
        row = cursor.fetchone()
    if row is None:
        return None
    record = InvitationRecord(*row)
    return replace(record, role=Role(record.role))


def slug_proposal(name: str) -> str:
    """A free slug that looks like the name; empty for a name without a letter or digit that a slug may have."""
    wanted = slugify(name).replace("_", "-").strip("-")[:36].strip("-")
    candidates = (wanted, *(f"{wanted}-{number}" for number in range(2, 1000)))
    taken = (
        set(Tenant.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
        if wanted
        else set()
    )
    return next((slug for slug in candidates if wanted and slug not in taken | reserved_slugs()), "")
