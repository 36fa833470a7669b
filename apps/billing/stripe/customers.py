"""Tenants as Stripe's customers."""

import hashlib
import json
import uuid
from typing import Any, cast

import stripe
from django.db import connection
from stripe.params import CustomerCreateParams, CustomerUpdateParams

from apps.billing.models import BillingAccount
from apps.billing.services import account_open
from apps.billing.stripe.client import at_stripe, client
from apps.tenants.models import Membership, Role, Tenant


def customer_id() -> str:
    """The current tenant's, made when it is first asked for."""
    account = account_open()
    if account.stripe_customer_id:
        return account.stripe_customer_id
    with at_stripe():
        account.refresh_from_db()
        if not account.stripe_customer_id:
            details = {
                **_details(account),
                "metadata": {"tenant": str(account.tenant_id)},
            }
            digest = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()[:16]
            made = client().v1.customers.create(
                cast(CustomerCreateParams, details),
                {"idempotency_key": f"customer:{account.id}:{digest}"},
            )
            account.stripe_customer_id = made.id
            account.save(update_fields=["stripe_customer_id"])
    return account.stripe_customer_id


def customer_tell() -> None:
    """Tells Stripe the current tenant's name, address and mail, if it knows the tenant at all."""
    account = BillingAccount.objects.first()
    if account is not None and account.stripe_customer_id:
        client().v1.customers.update(
            account.stripe_customer_id, cast(CustomerUpdateParams, _details(account))
        )


def _details(account: BillingAccount) -> dict[str, Any]:
    tenant = Tenant.objects.get(id=account.tenant_id)
    details: dict[str, Any] = {"name": account.legal_name or tenant.name}
    if email := account.billing_email or _owner_email():
        details["email"] = email
    if account.country:
        details["address"] = {"country": account.country, "postal_code": account.postal_code}
    return details


def _owner_email() -> str:
    owner = Membership.objects.filter(role=Role.OWNER).select_related("user").first()
    return owner.user.email if owner else ""


def tenant_of(customer: str) -> uuid.UUID | None:
    """Whose customer it is; None where it is not ours."""
    if not customer:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.tenant_of_stripe_customer(%s)", [customer])
        found: uuid.UUID | None = cursor.fetchone()[0]
    return found


def payment_method_of(customer: str) -> str:
    """What the customer pays with when nobody is there to ask: its default, else the card added last. Empty for
    none."""
    found: stripe.Customer = client().v1.customers.retrieve(customer)
    settings = found.invoice_settings
    if settings and (default := settings.default_payment_method):
        return default if isinstance(default, str) else default.id
    cards = client().v1.customers.payment_methods.list(customer, {"type": "card", "limit": 1}).data
    return cards[0].id if cards else ""
