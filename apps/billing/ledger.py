"""The ledger: how everything but usage gets into it (`posting` is for that), and what it says.

A positive amount of `Account.BALANCE` is the tenant's: it has paid in more than it used.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.utils import timezone

from apps.audit.services import record
from apps.billing.models import (
    Account,
    AccountBalance,
    BillingAccount,
    Kind,
    LedgerEntry,
    LedgerTransaction,
    SpendHold,
)
from apps.core.tenancy import atomic
from apps.usage.models import UsageLine


class ReferenceTaken(Exception):
    """Other amounts were posted with this reference before."""


@atomic()
def entries_post(
    *,
    kind: Kind,
    reference: str,
    entries: Mapping[Account, int],
    description: str = "",
    customer_id: uuid.UUID | None = None,
) -> LedgerTransaction:
    """Posts what the current tenant's money did: amounts in micro-dollars whose sum is 0, by account.

    The same reference once more changes nothing and returns the first. Raises ValueError for entries that do not
    balance, ReferenceTaken for a reference that stands for something else.
    """
    amounts = {account: amount for account, amount in entries.items() if amount}
    if len(amounts) < 2 or sum(amounts.values()) != 0:
        raise ValueError(f"A transaction needs two entries at least, and a sum of 0: {amounts}.")
    account_lock()
    if known := LedgerTransaction.objects.filter(reference=reference).first():
        posted = dict(LedgerEntry.objects.filter(transaction=known).values_list("account", "amount_micro"))
        if known.kind != kind or posted != amounts:
            raise ReferenceTaken(f"{reference!r} was posted before as {known.kind} of {posted}.")
        return known
    made = LedgerTransaction.objects.create(
        kind=kind,
        reference=reference,
        description=description,
        customer_id=customer_id,
        at=timezone.now(),
    )
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=made, account=account, amount_micro=amount)
        for account, amount in sorted(amounts.items())
    )
    return made


@atomic()
def correction_post(*, amount_micro: int, reason: str, reference: str = "") -> LedgerTransaction:
    """Raises the current tenant's balance, or lowers it. Raises ValidationError without a reason."""
    if not reason.strip() or not amount_micro:
        raise ValidationError("A correction needs an amount and a reason, which the tenant reads.")
    made = entries_post(
        kind=Kind.CORRECTION,
        reference=reference or f"correction:{uuid.uuid4()}",
        entries={Account.BALANCE: amount_micro, Account.CORRECTION: -amount_micro},
        description=reason,
    )
    record(action="ledger.corrected", target=made, after={"amount_micro": amount_micro, "reason": reason})
    return made


def account_lock() -> BillingAccount | None:
    """The current tenant's account, locked until the transaction ends: whoever spends waits."""
    return BillingAccount.objects.select_for_update(no_key=True).first()


def balance_micro() -> int:
    """Of the current tenant; below 0: used and not yet invoiced."""
    return balances().get(Account.BALANCE, 0)


def balances() -> dict[Account, int]:
    """The sums of the current tenant's entries, by account."""
    return {
        Account(account): amount
        for account, amount in AccountBalance.objects.values_list("account", "amount_micro")
    }


def held_micro() -> int:
    """What the current tenant's running sessions hold."""
    live = SpendHold.objects.filter(expires_at__gt=timezone.now())
    return live.aggregate(held=Sum("amount_micro"))["held"] or 0


@dataclass(frozen=True, slots=True)
class StatementLine:
    """`after_micro` is the balance after it, among the lines before it in time."""

    transaction: LedgerTransaction
    amount_micro: int
    after_micro: int


def transactions() -> QuerySet[LedgerTransaction]:
    """The current tenant's that changed its balance, newest first, each with its `balance_change`."""
    change = LedgerEntry.objects.filter(transaction=OuterRef("pk"), account=Account.BALANCE).values(
        "amount_micro"
    )
    annotation = {"balance_change": Subquery(change[:1])}
    found: QuerySet[LedgerTransaction] = LedgerTransaction.objects.filter(entries__account=Account.BALANCE)
    return found.annotate(**annotation)


def statement(*, since: datetime, until: datetime) -> Iterator[StatementLine]:
    """What changed the current tenant's balance from `since` until before `until`, oldest first."""
    entries = LedgerEntry.objects.filter(account=Account.BALANCE)
    after = entries.filter(transaction__at__lt=since).aggregate(sum=Sum("amount_micro"))["sum"] or 0
    within = entries.filter(transaction__at__gte=since, transaction__at__lt=until)
    for entry in within.select_related("transaction").order_by("transaction__at", "transaction_id"):
        after += entry.amount_micro
        yield StatementLine(entry.transaction, entry.amount_micro, after)


def explain(transaction: LedgerTransaction) -> QuerySet[UsageLine]:
    """The lines that a transaction of usage is the sum of, down to seconds and tokens; no others have any."""
    return UsageLine.objects.filter(posting_id=transaction.pk).order_by("at", "id")
