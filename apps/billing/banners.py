"""What is said on top of every page to who may do something about it: a payment is late, or money runs out."""

import uuid
from dataclasses import dataclass

from django.db.models import Exists, Q, QuerySet

from apps.billing.models import SpendWarning
from apps.billing.plans import plans
from apps.billing.stripe.models import Subscription
from apps.billing.stripe.selectors import subscription_current
from apps.billing.stripe.subscriptions import grace
from apps.billing.warnings import notices
from apps.core.tenancy import require_tenant
from apps.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Banner:
    """`page` names the page that says more, and what to do: it needs no banner of it."""

    kind: str
    title: str
    text: str
    page: str


def banners() -> list[Banner]:
    """The current tenant's. One query, where there is nothing to say."""
    warned = SpendWarning.objects.filter(percent__gte=80)
    tenant = require_tenant()
    assert isinstance(tenant, uuid.UUID)
    asked = Tenant.objects.filter(id=tenant).values_list(Exists(_late()), Exists(warned))
    is_late, is_warned = asked.get()
    found = _of_payment() if is_late else []
    if is_warned:
        found += [Banner("warning", "", notice, "budgets") for notice in notices()]
    return found


def _late() -> QuerySet[Subscription]:
    running = Subscription.objects.exclude(status__in=[Subscription.CHECKOUT, *Subscription.OVER])
    return running.filter(Q(past_due_since__isnull=False) | Q(fallen=True))


def _of_payment() -> list[Banner]:
    row = subscription_current()
    first = plans().first.name
    if row is not None and row.fallen:
        text = f"The workspace has the plan {first}, and sessions only run on what was paid in."
        return [Banner("error", "The plan was not paid for", text, "billing")]
    if row is not None and row.past_due_since:
        until = row.past_due_since + grace()
        text = f"After {until:%-d %B %Y} the workspace has the plan {first}."
        return [Banner("warning", "A payment is late", text, "billing")]
    return []
