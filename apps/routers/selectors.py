import uuid

import structlog
from django.db.models import QuerySet

from antiphon.providers.routing.format import BadRouter, parse
from antiphon.providers.routing.format import Router as Definition
from apps.core.tenancy import tenant_context
from apps.routers.models import Router

log = structlog.get_logger(__name__)


def router_list() -> QuerySet[Router]:
    """The current tenant's routers."""
    return Router.objects.all()


def routers_of(tenant_id: uuid.UUID) -> dict[str, Definition]:
    """What a tenant's routers are now, by name. One query. One that this version can't read is left out."""
    with tenant_context(tenant_id):
        rows = list(Router.objects.values_list("name", "definition"))
    routers: dict[str, Definition] = {}
    for name, definition in rows:
        try:
            routers[name] = parse(definition)
        except BadRouter as bad:
            log.warning("router_unreadable", tenant_id=str(tenant_id), router=name, reason=str(bad))
    return routers
