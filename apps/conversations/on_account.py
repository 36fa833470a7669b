"""On whose account, of a tenant's own customers, a session is: its key says so, or its client names one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from channels.db import database_sync_to_async

from antiphon.protocol import errors
from apps.core.tenancy import tenant_context
from apps.customers.selectors import customer_get
from apps.keys.authentication import GrantedCustomer, KeyGrant

CUSTOMER = "session.providerData.antiphon.customer"


async def for_customer(grant: KeyGrant, external_id: str | None, param: str) -> KeyGrant:
    """Who holds a tenant's own key may name any customer of it; with a customer's key, or a client secret, there is
    nothing to choose. Raises Refused."""
    if not external_id or (grant.customer and grant.customer.external_id == external_id):
        return grant
    if grant.customer is not None:
        own = grant.customer.external_id
        message = f"This key is for the customer {own!r}: leave {param!r} out, or use another key."
        raise errors.invalid_value(message, param)
    if grant.client_secret_id is not None:
        message = f"A client secret names no customer: name them in {CUSTOMER!r} when you mint it."
        raise errors.invalid_value(message, param)
    find = database_sync_to_async(_find, thread_sensitive=False)
    return replace(grant, customer=await find(grant, external_id, param))


def customer_named(given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The session that a client secret is to open, without the customer whom it names, and that name. Raises
    Refused."""
    data: Any = given.get("providerData")
    ours = data.get("antiphon") if isinstance(data, dict) else None
    if not isinstance(ours, dict) or "customer" not in ours:
        return given, None
    rest = dict(ours)
    name = rest.pop("customer")
    if not isinstance(name, str | None):
        raise errors.invalid_value(f"{CUSTOMER!r} must be a customer's external id, a string.", CUSTOMER)
    return {**given, "providerData": {**data, "antiphon": rest}}, name


def _find(grant: KeyGrant, external_id: str, param: str) -> GrantedCustomer:
    """Raises Refused."""
    with tenant_context(grant.tenant_id):
        found = customer_get(external_id) if "\0" not in external_id else None
    if found is None:
        message = (
            f"There is no customer {external_id[:100]!r} in this workspace: add them on the page Customers."
        )
        raise errors.invalid_value(message, param)
    if not found.is_active:
        message = f"The customer {external_id!r} is not active: activate them on the page Customers."
        raise errors.invalid_value(message, param)
    return GrantedCustomer(found.pk, found.external_id, found.sessions_limit, found.events_per_second_limit)
