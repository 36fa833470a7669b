from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from structlog.contextvars import bound_contextvars

from apps.audit.acting import Actor, acting, client_address
from apps.core.tenancy import tenant_context
from apps.tenants.roles import May, least_role
from apps.tenants.selectors import PersonalMembership, membership_lookup

Page = Callable[..., HttpResponse]


def tenant_page(permission: May = May.VIEW) -> Callable[[Page], Page]:
    """Makes `def page(request, membership, **path)` a view of `/<slug>/...` that runs as that tenant.

    Whoever isn't a member gets the same 404 as for a tenant that does not exist; whose role does not allow it, a
    403 that names the role to ask for. Templates find the membership as `request.membership`.
    """

    def decorate(page: Page) -> Page:
        @login_required
        @wraps(page)
        def view(request: HttpRequest, slug: str, **path: Any) -> HttpResponse:
            membership = membership_lookup(user_id=request.user.pk, slug=slug)
            if membership is None:
                raise Http404("No such tenant.")
            request.membership = membership  # type: ignore[attr-defined]
            require(membership, permission)
            actor = Actor.person(request.user, address=client_address(request))
            with (
                tenant_context(membership.tenant_id),
                bound_contextvars(tenant_id=str(membership.tenant_id)),
                acting(actor),
            ):
                return page(request, membership, **path)

        return view

    return decorate


def require(membership: PersonalMembership, permission: May) -> None:
    """Raises PermissionDenied."""
    if not membership.allows(permission):
        role = least_role(permission).label.lower()
        raise PermissionDenied(
            f"Your role in {membership.tenant_name} is {membership.role.label.lower()}; this needs the role "
            f"{role}. Ask an owner or an admin of the tenant to change it."
        )
