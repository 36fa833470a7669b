"""Usage that is paid by invoice goes to Stripe's meter: an outbox of whole cents.

What has to be on an invoice is what the ledger says is owed, and Stripe bills whole cents. So each push is
what is owed at its time, in whole cents, less all that was pushed before: the rest of a cent stays in the
tenant's balance and goes with a later push. Late lines change what is owed, and so are in the next push.
"""

from datetime import datetime, timedelta
from typing import Any

import stripe
import structlog
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.billing.models import Account, AccountBalance, BillingAccount, Kind, LedgerEntry, Mode
from apps.billing.selectors import terms_of_account
from apps.billing.stripe.catalog import METER, catalog
from apps.billing.stripe.client import MICRO_PER_CENT, at_stripe, client
from apps.billing.stripe.models import Invoice, InvoiceStatus, MeterPush, PushStatus, Subscription
from apps.billing.stripe.selectors import GOOD, subscription_current
from apps.core.tenancy import atomic

DRAFT = timedelta(minutes=50)  # an invoice takes usage for an hour after its period
OLDEST = timedelta(days=34)  # Stripe takes 35
LONGEST_WAIT = timedelta(hours=1)

log = structlog.get_logger(__name__)


def push_due(*, owed_micro: int, pushed_cents: int) -> int:
    """Whole cents that are owed and not pushed yet."""
    return max(0, max(0, owed_micro) // MICRO_PER_CENT - pushed_cents)


def owed_micro(until: datetime) -> int:
    """What the current tenant used and did not pay in advance, up to a time, as if nothing had been invoiced
    yet: below 0 it has credit. One statement, so that nothing is posted in between."""
    entries = LedgerEntry.objects.filter(account=Account.BALANCE, tenant=OuterRef("tenant"))
    later = entries.filter(transaction__at__gte=until).exclude(transaction__kind=Kind.INVOICE)
    invoiced = Invoice.objects.exclude(status=InvoiceStatus.VOID).filter(tenant=OuterRef("tenant"))
    row = (
        AccountBalance.objects.filter(account=Account.BALANCE)
        .annotate(
            later=Coalesce(Subquery(_sum(later, "amount_micro")), 0),
            invoiced=Coalesce(Subquery(_sum(invoiced, "usage_micro")), 0),
        )
        .first()
    )
    return 0 if row is None else row.invoiced + row.later - row.amount_micro


def _sum(rows: QuerySet[Any], field: str) -> QuerySet[Any]:
    summed: QuerySet[Any] = rows.order_by().values("tenant").annotate(sum=Sum(field)).values("sum")
    return summed


def pushed_cents() -> int:
    """Less what was sent and yet not on its invoice: that is pushed once more."""
    pushed = MeterPush.objects.aggregate(sum=Sum("cents"))["sum"] or 0
    lost = Invoice.objects.aggregate(sum=Sum("lost_cents"))["sum"] or 0
    return int(pushed - lost)


def pushes_make(row: Subscription | None, *, now: datetime) -> list[MeterPush]:
    """The current tenant's for each hour that is over, and for a month of its subscription that is over within one.
    None for a tenant that pays in advance."""
    account = BillingAccount.objects.first()
    if row is None or account is None or terms_of_account(account).mode != Mode.POSTPAID:
        return []
    if row.ended_at is None and row.status not in (*GOOD, "past_due"):
        return []
    if row.ended_at is not None and now > row.ended_at + DRAFT:
        return []  # too late for the last invoice: it stays owed, and goes with the next subscription
    ends = {now.replace(minute=0, second=0, microsecond=0), row.period_start, row.period_end, row.ended_at}
    made = []
    with atomic():
        BillingAccount.objects.select_for_update(no_key=True).get()
        last = MeterPush.objects.order_by("-until").first()
        for until in sorted(end for end in ends if end is not None and end <= (row.ended_at or now)):
            if last is not None and until <= last.until:
                continue
            if cents := push_due(owed_micro=owed_micro(until), pushed_cents=pushed_cents()):
                push = MeterPush(until=until, cents=cents, meter=METER, next_at=now, created_at=now)
                push.save()
                made.append(push)
    return made


def time_told(push: MeterPush, row: Subscription | None, now: datetime) -> datetime:
    """The time of a push's meter event, which decides on which invoice it is: that of its own month, while that
    invoice is a draft, else the month that runs."""
    at = push.until - timedelta(seconds=1)
    for begins in (row.period_start, row.period_end) if row else ():
        if begins is not None and at < begins <= now - DRAFT:
            at = begins
    return max(at, now - OLDEST)


def push_send(push: MeterPush) -> None:
    """Sends one of the current tenant's. What fails is tried again later, what Stripe refuses is parked."""
    now = timezone.now()
    with at_stripe():
        push.refresh_from_db()
        if push.status != PushStatus.PENDING:
            return
        account = BillingAccount.objects.get()
        push.attempts += 1
        push.sent_as_of = time_told(push, subscription_current(), now)
        try:
            catalog()
            client().v1.billing.meter_events.create(
                {
                    "event_name": METER,
                    "identifier": str(push.id),
                    "timestamp": int(push.sent_as_of.timestamp()),
                    "payload": {"stripe_customer_id": account.stripe_customer_id, "value": str(push.cents)},
                },
                {"idempotency_key": f"push:{push.id}:{push.attempts}"},
            )
        except stripe.StripeError as error:
            refused = isinstance(error, stripe.InvalidRequestError)
            if refused and push.attempts > 1 and "identifier" in str(error):
                push.status, push.sent_at, push.error = PushStatus.SENT, now, ""  # an earlier try got through
            else:
                push.error = str(error)[:500]
                push.next_at = now + min(timedelta(minutes=2 ** min(push.attempts - 1, 10)), LONGEST_WAIT)
                if refused:
                    push.status = PushStatus.PARKED
                log.error("meter_push_failed", push=str(push.id), parked=refused, error=str(error))
        else:
            push.status, push.sent_at, push.error = PushStatus.SENT, now, ""
        push.save()


def reconcile(*, row: Subscription) -> str:
    """Compares what Stripe's meter counted in the month that runs with what was sent. A sentence, or nothing."""
    account = BillingAccount.objects.get()
    assert row.period_start is not None
    assert row.period_end is not None
    start, end = _minute(row.period_start), _minute(row.period_end)
    summaries = client().v1.billing.meters.event_summaries.list(
        catalog().meter,
        {
            "customer": account.stripe_customer_id,
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
        },
    )
    counted = sum(int(summary.aggregated_value) for summary in summaries.auto_paging_iter())
    sent = MeterPush.objects.filter(status=PushStatus.SENT, sent_as_of__gte=start, sent_as_of__lt=end)
    expected = sent.aggregate(sum=Sum("cents"))["sum"] or 0
    if counted == expected:
        return ""
    sentence = f"Stripe's meter counted {counted} cents from {start} to {end}, and {expected} were sent."
    log.error("meter_differs", tenant=str(account.tenant_id), counted=counted, sent=expected)
    return sentence


def _minute(at: datetime) -> datetime:
    """Stripe sums whole minutes."""
    return at.replace(second=0, microsecond=0)
