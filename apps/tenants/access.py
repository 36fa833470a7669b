from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from structlog.contextvars import bound_contextvars

from apps.core.tenancy import tenant_context
from apps.tenants.selectors import membership_lookup

Page = Callable[..., HttpResponse]


def for_members(page: Page) -> Page:
    """Makes `def page(request, membership, **path)` a view of `/t/<slug>/...` that runs as that tenant.

    Whoever isn't a member gets the same 404 as for a tenant that does not exist.
    """

    @login_required
    @wraps(page)
    def view(request: HttpRequest, slug: str, **path: Any) -> HttpResponse:
        membership = membership_lookup(user_id=request.user.pk, slug=slug)
        if membership is None:
            raise Http404("No such tenant.")
        with tenant_context(membership.tenant_id), bound_contextvars(tenant_id=str(membership.tenant_id)):
            return page(request, membership, **path)

    return view
