"""What is on an invoice, from the ledger: so that every micro-dollar that was used is on one, and can be opened.

    brought forward + usage - credit - carried forward = the usage that is charged, in whole cents

where what is brought and carried forward is the balance at both ends, without the invoices' own entries. A positive
balance is carried as credit; a negative one is part of a cent, or what was posted late.
"""

import datetime as dt
from collections.abc import Iterable

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate

from apps.billing.models import Account, Kind, LedgerEntry, LedgerTransaction
from apps.billing.stripe.meter import owed_micro
from apps.billing.stripe.models import Invoice, InvoiceLine, InvoiceStatus, LineKind
from apps.usage.models import UsageLine


def lines_make(row: Invoice, *, fees: Iterable[tuple[str, int]]) -> list[InvoiceLine]:
    """Not saved. They sum to the invoice's total."""
    lines = [
        InvoiceLine(invoice=row, kind=LineKind.PLAN, description=description, amount_micro=amount)
        for description, amount in fees
        if amount
    ]
    if row.usage_since is not None and row.usage_until is not None:
        lines += _usage(row, row.usage_since, row.usage_until)
    elif row.usage_micro:
        lines.append(
            InvoiceLine(invoice=row, kind=LineKind.USAGE, description="Usage", amount_micro=row.usage_micro)
        )
    if row.tax_micro:
        lines.append(
            InvoiceLine(invoice=row, kind=LineKind.TAX, description="Tax", amount_micro=row.tax_micro)
        )
    return lines


def _usage(row: Invoice, since: dt.datetime, until: dt.datetime) -> list[InvoiceLine]:
    invoiced = (
        (
            Invoice.objects.exclude(status=InvoiceStatus.VOID)
            .exclude(id=row.id)
            .filter(usage_until__lte=since)
            .aggregate(sum=Sum("usage_micro"))["sum"]
        )
        or 0
    )
    brought = owed_micro(since) - invoiced
    used = [
        InvoiceLine(
            invoice=row,
            kind=LineKind.USAGE,
            description=f"{model} on {day:%Y-%m-%d}",
            day=day,
            model=model,
            amount_micro=amount,
        )
        for day, model, amount in used_by_day(since, until)
    ]
    credits = [
        InvoiceLine(invoice=row, kind=LineKind.CREDIT, description=Kind(kind).label, amount_micro=-amount)
        for kind, amount in credits_within(since, until)
        if amount
    ]
    carried = brought + sum(line.amount_micro for line in (*used, *credits)) - row.usage_micro
    ends = [
        InvoiceLine(invoice=row, kind=kind, description=kind.label, amount_micro=amount)
        for kind, amount in ((LineKind.BROUGHT, brought), (LineKind.CARRIED, -carried))
        if amount
    ]
    return [*ends[:1], *used, *credits, *ends[1:]]


def used_by_day(since: dt.datetime, until: dt.datetime) -> Iterable[tuple[dt.date, str, int]]:
    """What the current tenant's lines come to that were posted in a time, by the day they were posted and the
    model."""
    posted = LedgerTransaction.objects.filter(kind=Kind.USAGE, at__gte=since, at__lt=until)
    days = dict(posted.annotate(day=TruncDate("at")).values_list("id", "day"))
    sums: dict[tuple[dt.date, str], int] = {}
    lines = UsageLine.objects.filter(posting_id__in=posted.values("id")).exclude(price_micro=0)
    for posting, model, amount in lines.values_list("posting_id", "model").annotate(sum=Sum("price_micro")):
        key = days[posting], model
        sums[key] = sums.get(key, 0) + amount
    return [(day, model, amount) for (day, model), amount in sorted(sums.items())]


def credits_within(since: dt.datetime, until: dt.datetime) -> Iterable[tuple[str, int]]:
    """What changed the current tenant's balance in a time besides usage and invoices, by kind."""
    entries = LedgerEntry.objects.filter(
        account=Account.BALANCE, transaction__at__gte=since, transaction__at__lt=until
    ).exclude(transaction__kind__in=[Kind.USAGE, Kind.INVOICE])
    return list(
        entries.order_by("transaction__kind")
        .values_list("transaction__kind")
        .annotate(sum=Sum("amount_micro"))
    )


def line_explained(line: InvoiceLine) -> QuerySet[UsageLine]:
    """The lines of usage that a line of an invoice is the sum of, down to seconds and tokens; none for other
    kinds."""
    invoice = line.invoice
    if line.kind != LineKind.USAGE or line.day is None or invoice.usage_since is None:
        return UsageLine.objects.none()
    start = dt.datetime.combine(line.day, dt.time(), dt.UTC)
    assert invoice.usage_until is not None
    posted = LedgerTransaction.objects.filter(
        kind=Kind.USAGE,
        at__gte=max(start, invoice.usage_since),
        at__lt=min(start + dt.timedelta(days=1), invoice.usage_until),
    )
    return UsageLine.objects.filter(posting_id__in=posted.values("id"), model=line.model).order_by("at", "id")
