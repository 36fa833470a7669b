"""Invoices: Stripe's are taken over, put into the ledger, and explained by lines made from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import stripe
import structlog
from django.db.models import Sum
from django.utils import timezone

from apps.audit.services import record
from apps.billing.ledger import entries_post
from apps.billing.models import Account, Kind
from apps.billing.plans import Plan, plans
from apps.billing.stripe.catalog import catalog
from apps.billing.stripe.client import client, id_of, maybe_moment, micro_of, moment
from apps.billing.stripe.credit import included_grant
from apps.billing.stripe.invoice_lines import lines_make
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.meter import pushes_make
from apps.billing.stripe.models import Invoice, InvoiceLine, InvoiceStatus, MeterPush, PushStatus
from apps.billing.stripe.selectors import subscription_current

RENEWALS = ("subscription_create", "subscription_cycle")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Read:
    """What the lines of an invoice at Stripe come to, in micro-dollars, without tax. `fees` are the lines that
    are not usage; `plans` the ids of prices of plans that are paid for, and of those that are given back."""

    fees: list[tuple[str, int]] = field(default_factory=list)
    usage_micro: int = 0
    usage_cents: int = 0
    since: datetime | None = None
    until: datetime | None = None
    paid_prices: list[str] = field(default_factory=list)
    returned_prices: list[str] = field(default_factory=list)


def read_lines(lines: Iterable[stripe.InvoiceLineItem], *, usage_price: str, created: datetime) -> Read:
    read = Read()
    for line in lines:
        pricing = line.pricing
        price = id_of(pricing.price_details.price) if pricing and pricing.price_details else ""
        if price == usage_price:
            since, until = moment(line.period.start), moment(line.period.end)
            read.usage_micro += micro_of(line.amount)
            read.usage_cents += line.quantity or 0
            if until <= created + timedelta(minutes=1) and since < until:  # else it is of a month to come
                read.since = min(read.since or since, since)
                read.until = max(read.until or until, until)
            continue
        read.fees.append((line.description or "Plan", micro_of(line.amount)))
        if price and line.amount >= 0:
            read.paid_prices.append(price)
        elif price:
            read.returned_prices.append(price)
    return read


def invoice_take(found: stripe.Invoice) -> Invoice | None:
    """Takes over an invoice, once it is final. Call it in `at_stripe`, with one that was fetched there."""
    if found.status == "draft" or found.status is None:
        if found.status == "draft" and found.billing_reason == "subscription_cycle":
            pushes_make(subscription_current(), now=timezone.now())  # in time to be on it
        return None
    row = Invoice.objects.filter(stripe_invoice_id=found.id).first() or _new_invoice(found)
    was = row.status
    row.status = InvoiceStatus(found.status)
    row.paid_micro = micro_of(found.amount_paid)
    row.hosted_url, row.pdf_url = found.hosted_invoice_url or "", found.invoice_pdf or ""
    row.payment_intent_id = _payment_intent(found) or row.payment_intent_id
    row.next_attempt_at = maybe_moment(found.next_payment_attempt)
    failed_again = found.attempt_count > row.attempts and row.status == InvoiceStatus.OPEN
    row.attempts = found.attempt_count
    if row.status == InvoiceStatus.PAID and row.paid_at is None:
        row.paid_at = maybe_moment(found.status_transitions.paid_at) or timezone.now()
        _post_payment(row)
        _grant_included(row)
    if row.status == InvoiceStatus.VOID and was != InvoiceStatus.VOID:
        _post(row, sign=-1, reference=f"invoice-void:{row.stripe_invoice_id}")
    row.save()
    if failed_again:
        managers_tell("A payment failed", "billing/mail/payment_failed.txt", {"invoice": row})
    return row


def _new_invoice(found: stripe.Invoice) -> Invoice:
    created = moment(found.created)
    items = client().v1.invoices.line_items.list(found.id, {"limit": 100}).auto_paging_iter()
    read = read_lines(items, usage_price=catalog().usage, created=created)
    tax = sum(micro_of(each.amount) for each in found.total_taxes or [])
    fee = sum(amount for _, amount in read.fees)
    if rest := micro_of(found.total) - fee - read.usage_micro - tax:
        read.fees.append(("Discounts", rest))
        fee += rest
    subscription = found.parent.subscription_details if found.parent else None
    row = Invoice(
        stripe_invoice_id=found.id,
        stripe_subscription_id=id_of(subscription.subscription) if subscription else "",
        number=found.number or "",
        reason=found.billing_reason or "",
        plan=_plan_of(read.paid_prices),
        status=InvoiceStatus.OPEN,
        usage_since=read.since,
        usage_until=read.until,
        fee_micro=fee,
        usage_micro=read.usage_micro,
        tax_micro=tax,
        total_micro=micro_of(found.total),
        created_at=created,
    )
    if returned := _plan_of(read.returned_prices):
        row.previous_plan = returned
    row.save()
    _post(row, sign=1, reference=f"invoice:{row.stripe_invoice_id}")
    lines = lines_make(row, fees=read.fees)
    InvoiceLine.objects.bulk_create(lines)
    row.difference = _difference(row, read, lines)
    if row.usage_since is not None:
        row.lost_cents = _sent_cents(row) - read.usage_cents
    if row.difference:
        log.error("invoice_differs", invoice=found.id, difference=row.difference)
    record(action="invoice.made", target=row, after={"total_micro": row.total_micro, "number": row.number})
    return row


def _difference(row: Invoice, read: Read, lines: list[InvoiceLine]) -> str:
    """How Stripe's invoice differs from the ledger: a sentence, or nothing."""
    if (summed := sum(line.amount_micro for line in lines)) != row.total_micro:
        return f"The lines sum to {summed} micro-dollars, and Stripe's total is {row.total_micro}."
    if row.usage_since is None:
        return "" if not row.usage_micro else "There is usage on it that is of no time."
    sent = _sent_cents(row)
    if sent != read.usage_cents or micro_of(read.usage_cents) != row.usage_micro:
        return f"{sent} cents of usage were sent for its time, and {read.usage_cents} are on it."
    return ""


def _sent_cents(row: Invoice) -> int:
    told = MeterPush.objects.filter(
        status=PushStatus.SENT, sent_as_of__gte=row.usage_since, sent_as_of__lt=row.usage_until
    )
    return told.aggregate(sum=Sum("cents"))["sum"] or 0


def _post(row: Invoice, *, sign: int, reference: str) -> None:
    entries = {
        Account.RECEIVABLE: -sign * row.total_micro,
        Account.PLAN_REVENUE: sign * row.fee_micro,
        Account.BALANCE: sign * row.usage_micro,
        Account.TAX: sign * row.tax_micro,
    }
    if any(entries.values()):
        entries_post(kind=Kind.INVOICE, reference=reference, entries=entries, description=str(row))


def _post_payment(row: Invoice) -> None:
    if row.paid_micro:
        entries_post(
            kind=Kind.INVOICE_PAYMENT,
            reference=f"invoice-payment:{row.stripe_invoice_id}",
            entries={Account.CASH: -row.paid_micro, Account.RECEIVABLE: row.paid_micro},
            description=str(row),
        )
    record(action="invoice.paid", target=row, after={"paid_micro": row.paid_micro})


def _grant_included(row: Invoice) -> None:
    if not (plan := _plan(row.plan)):
        return
    renews = row.reason in RENEWALS
    if renews or row.reason == "subscription_update":
        included_grant(
            plan=plan,
            reference=row.stripe_invoice_id,
            since=row.usage_until or row.created_at,
            renews=renews,
            instead_of=None if renews else _plan(row.previous_plan),
        )


def _plan_of(prices: list[str]) -> str:
    """The dearest plan of these prices, some of which may be old."""
    found = [catalog().plan_of(client().v1.prices.retrieve(price)) for price in dict.fromkeys(prices)]
    known = [plan for plan in map(_plan, found) if plan]
    return max(known, key=lambda plan: plan.price_micro).key if known else ""


def _plan(key: str) -> Plan | None:
    return plans().get(key)


def _payment_intent(found: stripe.Invoice) -> str:
    for payment in found.payments.data if found.payments else []:
        if payment.payment.payment_intent:
            return id_of(payment.payment.payment_intent)
    return ""
