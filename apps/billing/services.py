"""What changes a tenant's account. All of it works for the current tenant."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from apps.audit.services import fields_of, record
from apps.billing.ledger import account_lock, entries_post
from apps.billing.models import Account, BillingAccount, Kind, LedgerTransaction
from apps.billing.plans import Plan, plans
from apps.core.tenancy import atomic

EDITABLE = (
    "cap_micro",
    "goodbye",
    "auto_recharge",
    "recharge_below_micro",
    "recharge_micro",
    "recharge_month_max_micro",
    "billing_email",
    "legal_name",
    "country",
    "postal_code",
    "tax_id",
)
TRIAL = "trial"  # the reference: once in a tenant's life


@atomic()
def account_open(*, plan: str = "") -> BillingAccount:
    """The current tenant's account. One that is new gets the plan, else the first one, and its trial credit."""
    if account := BillingAccount.objects.first():
        return account
    account = BillingAccount(plan=plan)
    account.save()
    trial_grant(plan=plans().of(plan))
    return account


@atomic()
def plan_set(*, plan: str) -> BillingAccount:
    """Puts the current tenant on a plan, from now on. Raises ValidationError for an unknown one.

    Nothing is charged and nothing given but the trial credit, if the tenant never had any: the month's fee and what
    the plan includes come with its invoice.
    """
    if plan not in plans():
        raise ValidationError(f"There is no plan {plan!r}: choose one of {', '.join(plans())}.")
    account_open(plan=plan)
    account = account_lock()
    assert account is not None
    before = fields_of(account, "plan")
    if account.plan != plan:
        account.plan = plan
        account.save(update_fields=["plan"])
        record(action="billing.plan_changed", target=account, before=before, after={"plan": plan})
    trial_grant(plan=plans()[plan])
    return account


@atomic()
def trial_grant(*, plan: Plan) -> LedgerTransaction | None:
    """Gives the current tenant what the plan has for a beginning, unless it has had trial credit before."""
    if not plan.trial_micro or LedgerTransaction.objects.filter(reference=TRIAL).exists():
        return None
    return credit_grant(
        kind=Kind.TRIAL, amount_micro=plan.trial_micro, reference=TRIAL, description=plan.name
    )


@atomic()
def credit_grant(
    *, kind: Kind, amount_micro: int, reference: str, description: str = ""
) -> LedgerTransaction:
    """Credit that nobody paid for: a trial, what a plan includes. A negative amount takes it back (EXPIRY)."""
    return entries_post(
        kind=kind,
        reference=reference,
        entries={Account.BALANCE: amount_micro, Account.PROMOTION: -amount_micro},
        description=description,
    )


@atomic()
def account_update(*, changes: Mapping[str, Any]) -> BillingAccount:
    """Changes some of the EDITABLE fields of the current tenant's account. Raises ValidationError."""
    if unknown := set(changes) - set(EDITABLE):
        raise ValidationError(f"An account has no setting {sorted(unknown)[0]!r}.")
    account_open()
    account = account_lock()
    assert account is not None
    before = fields_of(account, *EDITABLE)
    for name, value in changes.items():
        setattr(account, name, value)
    account.full_clean()
    after = fields_of(account, *EDITABLE)
    if after != before:
        account.save(update_fields=list(changes))
        record(action="billing.updated", target=account, before=before, after=after)
    return account
