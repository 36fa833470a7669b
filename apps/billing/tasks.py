import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import stripe
import structlog
from celery import shared_task
from django.core.mail import send_mail
from django.utils import timezone

from apps.billing.models import BillingAccount, Kind, LedgerTransaction
from apps.billing.stripe import customers, meter, refunds, subscriptions, top_ups, webhooks
from apps.billing.stripe.models import (
    MeterPush,
    PushStatus,
    Refund,
    RefundStatus,
    StripeEvent,
    Subscription,
    TopUp,
    TopUpSource,
    TopUpStatus,
)
from apps.billing.stripe.selectors import subscription_current
from apps.billing.warnings import warnings_send
from apps.core.tasks import TenantTask
from apps.core.tenancy import across_tenants, tenant_context

_LOOK_BACK = timedelta(minutes=15)  # longer than from one look to the next

Row = TypeVar("Row", Refund, TopUp)

log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def warn_of_spending() -> None:
    """Warns the members of those tenants that used something lately. Once more does no harm."""
    with across_tenants(reason="warnings of spending"):
        recent = LedgerTransaction.objects.filter(kind=Kind.USAGE, at__gte=timezone.now() - _LOOK_BACK)
        tenants = list(recent.order_by().values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        try:
            with tenant_context(tenant_id):
                warnings_send()
        except Exception:  # one tenant's mail server is no reason to leave the others untold
            log.exception("spending_not_warned", tenant_id=str(tenant_id))


@shared_task  # type: ignore[untyped-decorator]
def stripe_event_process(event_id: str) -> None:
    webhooks.event_process(event_id)


@shared_task  # type: ignore[untyped-decorator]
def stripe_events_sweep() -> None:
    """Processes what is due again, and what a worker left behind."""
    for id in webhooks.events_due(now=timezone.now()):
        webhooks.event_process(id)


@shared_task  # type: ignore[untyped-decorator]
def stripe_events_catch_up() -> None:
    """Asks Stripe for what it could not deliver. Nothing to ask about before the first event."""
    last = StripeEvent.objects.order_by("-created_at").first()
    if last is not None:
        noted = webhooks.events_catch_up(since=last.created_at - timedelta(days=1))
        log.info("stripe_events_caught_up", noted=noted)


@shared_task(base=TenantTask)  # type: ignore[untyped-decorator]
def customer_tell(tenant_id: uuid.UUID) -> None:
    customers.customer_tell()


@shared_task(  # type: ignore[untyped-decorator]
    autoretry_for=(OSError,), retry_backoff=30, retry_backoff_max=3600, max_retries=10
)
def mail_send(subject: str, text: str, recipients: list[str]) -> None:
    for recipient in recipients:
        send_mail(subject, text, None, [recipient])


@shared_task  # type: ignore[untyped-decorator]
def recharge_sweep() -> None:
    """Raises each low balance whose owner wants that."""
    with across_tenants(reason="automatic recharge"):
        wanted = BillingAccount.objects.filter(auto_recharge=True).exclude(stripe_customer_id="")
        tenants = list(wanted.values_list("tenant_id", flat=True))
    for tenant in tenants:
        with tenant_context(tenant):
            try:
                top_ups.recharge()
            except stripe.StripeError as error:
                log.warning("recharge_broke_off", tenant=str(tenant), error=str(error))


@shared_task  # type: ignore[untyped-decorator]
def meter_sweep() -> None:
    """Notes what is to be on invoices, and sends it."""
    now = timezone.now()
    with across_tenants(reason="usage for Stripe's meter"):
        rows = Subscription.objects.filter(ended_at=None).exclude(stripe_subscription_id="")
        tenants = set(rows.values_list("tenant_id", flat=True))
    for tenant in sorted(tenants):
        with tenant_context(tenant):
            meter.pushes_make(subscription_current(), now=now)
    with across_tenants(reason="usage for Stripe's meter"):
        due = list(MeterPush.objects.filter(status=PushStatus.PENDING, next_at__lte=now).order_by("until"))
    for push in due:
        with tenant_context(push.tenant_id):
            meter.push_send(MeterPush.objects.get(id=push.id))


@shared_task  # type: ignore[untyped-decorator]
def meter_reconcile() -> None:
    """Compares Stripe's meter with what was sent; a difference is an error in the log."""
    with across_tenants(reason="comparison with Stripe's meter"):
        rows = list(Subscription.objects.filter(ended_at=None).exclude(period_start=None))
    for row in rows:
        with tenant_context(row.tenant_id):
            meter.reconcile(row=row)


@shared_task  # type: ignore[untyped-decorator]
def grace_sweep() -> None:
    """Takes the plan from who has not paid when the days of grace are over."""
    with across_tenants(reason="payments that are late"):
        late = list(Subscription.objects.exclude(past_due_since=None))
    for row in late:
        with tenant_context(row.tenant_id):
            subscriptions.grace_check(row)


@shared_task  # type: ignore[untyped-decorator]
def payments_sweep() -> None:
    """Finishes what broke off: refunds that Stripe was not told, pages and recharges whose event never came."""
    before = timezone.now() - timedelta(minutes=10)
    with across_tenants(reason="payments that broke off"):
        waiting = list(Refund.objects.filter(status=RefundStatus.PENDING, created_at__lt=before))
        pages = list(
            TopUp.objects.filter(
                status=TopUpStatus.PENDING, source=TopUpSource.CHECKOUT, created_at__lt=before
            ).exclude(checkout_session_id="")
        )
    for refund in waiting:
        with tenant_context(refund.tenant_id):
            _quietly(refunds.refund_check, Refund.objects.get(id=refund.id))
    for top_up in pages:
        with tenant_context(top_up.tenant_id):
            _quietly(top_ups.top_up_check, TopUp.objects.get(id=top_up.id))


def _quietly(check: Callable[[Row], None], row: Row) -> None:
    try:
        check(row)
    except stripe.StripeError as error:
        log.warning("stripe_check_failed", row=str(row.id), error=str(error))
