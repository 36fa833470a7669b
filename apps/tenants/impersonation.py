"""A superuser acts as a member of one tenant, for an hour at most: kept in their session."""

import uuid
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from apps.audit.acting import Actor, acting, client_address
from apps.audit.services import record
from apps.core.tenancy import tenant_context
from apps.tenants.models import Membership

LONGEST = timedelta(hours=1)
_IN_SESSION = "impersonation"


@dataclass(frozen=True, slots=True)
class Impersonation:
    """`ends_at` is in unix seconds."""

    user: str
    email: str
    tenant: str
    tenant_slug: str
    ends_at: float

    @property
    def user_id(self) -> uuid.UUID:
        return uuid.UUID(self.user)


def impersonation_of(request: HttpRequest) -> Impersonation | None:
    """As whom the superuser acts now."""
    kept: dict[str, Any] | None = request.session.get(_IN_SESSION)
    if kept is None or not request.user.is_superuser:
        return None
    found = Impersonation(**kept)
    return found if found.ends_at > timezone.now().timestamp() else None


def impersonation_start(*, request: HttpRequest, membership: Membership, reason: str) -> Impersonation:
    """Raises ValidationError without a reason, which the tenant reads in its audit log."""
    reason = reason.strip()
    if not reason:
        raise ValidationError({"reason": "Say why: the tenant reads it in its audit log."})
    started = Impersonation(
        user=str(membership.user_id),
        email=membership.user.email,
        tenant=str(membership.tenant_id),
        tenant_slug=membership.tenant.slug,
        ends_at=(timezone.now() + LONGEST).timestamp(),
    )
    _note(request, started, "staff.entered", {"reason": reason, "minutes": LONGEST.seconds // 60})
    request.session[_IN_SESSION] = asdict(started)
    return started


def impersonation_stop(*, request: HttpRequest) -> None:
    """Stopping what was stopped, or is over, changes nothing."""
    started = impersonation_of(request)
    request.session.pop(_IN_SESSION, None)
    if started is not None:
        _note(request, started, "staff.left", None)


def _note(request: HttpRequest, it: Impersonation, action: str, after: dict[str, Any] | None) -> None:
    actor = Actor.person(request.user, address=client_address(request)).as_staff(it.email)
    with tenant_context(uuid.UUID(it.tenant)), acting(actor):
        target = Membership.objects.filter(user_id=it.user_id).first()
        if target is not None:
            record(action=action, target=target, after=after, label=it.email)
