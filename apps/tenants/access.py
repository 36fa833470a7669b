from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from apps.audit.acting import Actor, acting, client_address
from apps.core.tenancy import tenant_context
from apps.tenants.impersonation import impersonation_of
from apps.tenants.roles import NEVER_AS_STAFF, May, least_role
from apps.tenants.selectors import PersonalMembership, membership_lookup
from apps.tenants.services import is_stale, membership_mark_active

Page = Callable[..., HttpResponseBase]


def tenant_page(permission: May = May.VIEW) -> Callable[[Page], Page]:
    """Makes `def page(request, membership, **path)` a view of `/<slug>/...` that runs as that tenant.

    Whoever isn't a member gets the same 404 as for a tenant that does not exist; whose role does not allow it, a
    403 that names the role to ask for. Templates find the membership as `request.membership`.
    """

    def decorate(page: Page) -> Page:
        @login_required
        @wraps(page)
        def view(request: HttpRequest, slug: str, **path: Any) -> HttpResponseBase:
            membership = _membership(request, slug)
            request.membership = membership  # type: ignore[attr-defined]
            require(membership, permission)
            with (
                tenant_context(membership.tenant_id),
                bound_contextvars(tenant_id=str(membership.tenant_id)),
                acting(_actor(request, membership)),
            ):
                if not membership.acting_as and is_stale(membership.last_active_at):
                    membership_mark_active(membership_id=membership.membership_id, at=timezone.now())
                return page(request, membership, **path)

        return view

    return decorate


def require(membership: PersonalMembership, permission: May) -> None:
    """Raises PermissionDenied."""
    if membership.acting_as and permission in NEVER_AS_STAFF:
        raise PermissionDenied(
            f"You act as {membership.acting_as}: keys, credentials and ownership are left to the members."
        )
    if not membership.allows(permission):
        role = least_role(permission).label.lower()
        raise PermissionDenied(
            f"Your role in {membership.tenant_name} is {membership.role.label.lower()}; this needs the role "
            f"{role}. Ask an owner or an admin of the tenant to change it."
        )


def _membership(request: HttpRequest, slug: str) -> PersonalMembership:
    """The person's own, or that of the member as whom staff acts there. Raises Http404."""
    impersonation = impersonation_of(request)
    if impersonation is not None and impersonation.tenant_slug == slug:
        found = membership_lookup(user_id=impersonation.user_id, slug=slug)
        found = found and replace(found, acting_as=impersonation.email)
    else:
        found = membership_lookup(user_id=request.user.pk, slug=slug)
    if found is None:
        raise Http404("No such tenant.")
    return found


def _actor(request: HttpRequest, membership: PersonalMembership) -> Actor:
    actor = Actor.person(request.user, address=client_address(request))
    return actor.as_staff(membership.acting_as) if membership.acting_as else actor
