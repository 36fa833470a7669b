"""What a tenant's account means: its plan, with what the account itself says."""

import time
import uuid
from dataclasses import dataclass

from django.conf import settings
from msgspec import structs

from apps.billing.models import BillingAccount, Mode
from apps.billing.plans import Plan, PlanLimits, plans
from apps.core.tenancy import tenant_context
from apps.limits import resolving as limits

CACHED_SECONDS = 10.0  # how long a session that opens may see an account as it was


@dataclass(frozen=True, slots=True)
class Terms:
    """How a tenant pays. `credit_micro` is what it may use beyond its balance: nothing, or its cap."""

    plan: Plan
    mode: Mode
    credit_micro: int
    goodbye: str

    @property
    def markup_bp(self) -> int:
        """Where nobody bills, prices are what vendors list."""
        return self.plan.markup_bp if settings.BILLING else 0

    @property
    def limits(self) -> PlanLimits:
        return self.plan.limits


def terms(*, plan: str, mode: str, cap_micro: int | None, goodbye: str = "") -> Terms:
    """What the fields of an account come to."""
    found = plans().of(plan)
    actual = Mode(mode or found.mode)
    cap = found.cap_micro if cap_micro is None else cap_micro
    return Terms(found, actual, cap if actual == Mode.POSTPAID else 0, goodbye)


def terms_of_account(account: BillingAccount) -> Terms:
    return terms(plan=account.plan, mode=account.mode, cap_micro=account.cap_micro, goodbye=account.goodbye)


def account_get() -> BillingAccount | None:
    """The current tenant's."""
    return BillingAccount.objects.first()


_known: dict[uuid.UUID, tuple[float, Terms]] = {}


def terms_of(tenant_id: uuid.UUID) -> Terms:
    """A tenant's, in one query, or none if it was asked within CACHED_SECONDS: what it can spend is never taken
    from here."""
    now = time.monotonic()
    if (known := _known.get(tenant_id)) and now - known[0] < CACHED_SECONDS:
        return known[1]
    with tenant_context(tenant_id):
        found = terms_of_account(account_get() or BillingAccount())
    if len(_known) > 10_000:
        _known.clear()
    _known[tenant_id] = now, found
    return found


def forget_terms() -> None:
    """For tests, and for who has just changed an account in this process."""
    _known.clear()


def plan_limits(tenant_id: uuid.UUID) -> limits.PlanLimits | None:
    """What the tenant's plan allows. None where nobody bills: the platform's limits hold."""
    if not settings.BILLING:
        return None
    return limits.PlanLimits(**structs.asdict(terms_of(tenant_id).limits))


def price_rules_of(account: BillingAccount) -> int:
    """What is added to what vendors list, in 1/100 %."""
    return terms_of_account(account).markup_bp
