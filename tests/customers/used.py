"""Usage lines of customers, with the sums that the recorder keeps with them."""

import uuid
from datetime import datetime

from apps.core.tenancy import tenant_context
from apps.customers.models import Customer
from apps.customers.services import customer_create
from apps.usage.models import UsageDay, UsageHour, UsageLine
from tests.cast import Person


def customer_of(person: Person, external_id: str, **fields: object) -> Customer:
    with tenant_context(person.tenant.id):
        return customer_create(external_id=external_id, name=external_id.title(), **fields)


def use(
    person: Person,
    customer: Customer | None,
    at: datetime,
    *prices_micro: int,
    model: str = "local/dialogue",
    unit: str = "output_token",
) -> None:
    """One line for each price."""
    common = {"kind": "response", "provider": "local", "model": model, "unit": unit}
    common["customer_id"] = customer and customer.pk
    with tenant_context(person.tenant.id):
        for price in prices_micro:
            UsageLine.objects.create(
                **common,
                key=str(uuid.uuid4()),
                session_id="sess_1",
                attempt=0,
                quantity=3,
                cost_micro=0,
                price_micro=price,
                estimated=False,
                is_priced=True,
                at=at,
                posting_id=uuid.uuid4(),
            )
            for sums, moment in (
                (UsageDay, {"day": at.date()}),
                (UsageHour, {"hour": at.replace(minute=0, second=0, microsecond=0)}),
            ):
                row, _ = sums.objects.get_or_create(**common, **moment)
                row.quantity += 3
                row.records += 1
                row.price_micro += price
                row.save()
