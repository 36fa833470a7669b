"""Credit that a plan includes: given with each month that is paid, gone with the month."""

from datetime import datetime

from django.db.models import Sum

from apps.billing.ledger import balance_micro
from apps.billing.models import Account, Kind, LedgerEntry, LedgerTransaction
from apps.billing.plans import Plan
from apps.billing.services import credit_grant
from apps.core.tenancy import atomic


@atomic()
def included_grant(
    *, plan: Plan, reference: str, since: datetime, renews: bool, instead_of: Plan | None = None
) -> None:
    """Gives the current tenant what its plan includes, once for each reference.

    `renews`: what is left of the month before `since` is gone. With `instead_of`, an upgrade, only what is more.
    """
    reference = f"included:{reference}"
    if LedgerTransaction.objects.filter(reference=reference).exists():
        return
    if renews:
        included_expire(until=since)
    amount = plan.included_micro - (instead_of.included_micro if instead_of else 0)
    if amount > 0:
        credit_grant(kind=Kind.INCLUDED, amount_micro=amount, reference=reference, description=plan.name)


@atomic()
def included_expire(*, until: datetime) -> None:
    """Takes back what was included, and not used before `until`: it is used before what was paid in."""
    grants = list(LedgerTransaction.objects.filter(kind=Kind.INCLUDED).order_by("-at", "-id")[:20])
    if not grants:
        return
    expired = LedgerTransaction.objects.filter(kind=Kind.EXPIRY).order_by("-at", "-id").first()
    fresh = [grant for grant in grants if expired is None or grant.at > expired.at]
    if not fresh:
        return
    entries = LedgerEntry.objects.filter(account=Account.BALANCE)
    given = entries.filter(transaction__in=fresh).aggregate(sum=Sum("amount_micro"))["sum"] or 0
    used = entries.filter(
        transaction__kind=Kind.USAGE, transaction__at__gte=fresh[-1].at, transaction__at__lt=until
    ).aggregate(sum=Sum("amount_micro"))
    left = min(given + (used["sum"] or 0), balance_micro())
    if left > 0:
        credit_grant(
            kind=Kind.EXPIRY,
            amount_micro=-left,
            reference=f"expiry:{fresh[0].id}",
            description="What was included and not used",
        )
