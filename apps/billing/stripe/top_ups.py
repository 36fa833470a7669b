"""Money paid in: by the page that Stripe shows, or by itself when the balance is low."""

from datetime import datetime, timedelta
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.utils import timezone

from apps.audit.services import record
from apps.billing.ledger import account_lock, balance_micro, entries_post
from apps.billing.models import Account, BillingAccount, Kind, Mode
from apps.billing.selectors import terms_of_account
from apps.billing.stripe.catalog import catalog
from apps.billing.stripe.client import CURRENCY, at_stripe, cents_of, client, id_of, metadata_of, micro_of
from apps.billing.stripe.customers import customer_id, payment_method_of
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.models import TopUp, TopUpSource, TopUpStatus
from apps.core.tenancy import atomic

LEAST_MICRO, MOST_MICRO = 5_000_000, 10_000_000_000
FAILURES_UNTIL_OFF = 3
RETRY_AFTER = timedelta(hours=1)  # doubled with each failure

log = structlog.get_logger(__name__)


def top_up_start(*, amount_micro: int, success_url: str, cancel_url: str) -> str:
    """The address of the page where the current tenant pays. Raises ValidationError for an amount that can't be."""
    if amount_micro % 10_000 or not LEAST_MICRO <= amount_micro <= MOST_MICRO:
        raise ValidationError("An amount from 5 to 10,000 dollars, in whole cents, can be paid in.")
    customer, products = customer_id(), catalog()
    top_up = TopUp(source=TopUpSource.CHECKOUT, amount_micro=amount_micro, created_at=timezone.now())
    top_up.save()
    params: stripe.params.checkout.SessionCreateParams = {
        "mode": "payment",
        "customer": customer,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": CURRENCY,
                    "product": products.top_up,
                    "unit_amount": cents_of(amount_micro),
                    "tax_behavior": "exclusive",
                },
            }
        ],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "client_reference_id": str(top_up.tenant_id),
        "metadata": {"top_up": str(top_up.id)},
        "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {"top_up": str(top_up.id)}},
    }
    params.update(tax_params())
    session = client().v1.checkout.sessions.create(params, {"idempotency_key": f"top-up:{top_up.id}"})
    TopUp.objects.filter(id=top_up.id).update(checkout_session_id=session.id)
    return session.url or ""


def tax_params() -> Any:
    """What a checkout session needs so that Stripe works the tax out."""
    if not settings.STRIPE_TAX:
        return {}
    return {
        "automatic_tax": {"enabled": True},
        "customer_update": {"address": "auto", "name": "auto"},
        "billing_address_collection": "required",
    }


def top_up_of_session(session: stripe.checkout.Session) -> None:
    """Takes over what became of a page. Call it in `at_stripe`, with a session that was fetched there."""
    id = metadata_of(session).get("top_up", "")
    top_up = TopUp.objects.filter(id=id).first() if id else None
    if top_up is None or top_up.status == TopUpStatus.PAID:
        return
    top_up.checkout_session_id = session.id
    if session.status == "complete" and session.payment_status == "paid":
        details = session.total_details
        tax = micro_of(details.amount_tax if details else 0)
        _settle(top_up, id_of(session.payment_intent), micro_of(session.amount_total) - tax, tax)
    elif session.status == "expired":
        top_up.status = TopUpStatus.EXPIRED
        top_up.save(update_fields=["status", "checkout_session_id"])


def _settle(top_up: TopUp, payment_intent: str, amount_micro: int, tax_micro: int) -> None:
    entries_post(
        kind=Kind.TOP_UP,
        reference=f"top-up:{top_up.id}",
        entries={
            Account.CASH: -(amount_micro + tax_micro),
            Account.BALANCE: amount_micro,
            Account.TAX: tax_micro,
        },
        description=top_up.get_source_display(),
    )
    top_up.status, top_up.paid_at = TopUpStatus.PAID, timezone.now()
    top_up.amount_micro, top_up.tax_micro = amount_micro, tax_micro
    top_up.payment_intent_id, top_up.failure = payment_intent, ""
    top_up.save()
    record(action="top_up.paid", target=top_up, after={"amount_micro": amount_micro, "tax_micro": tax_micro})


# Automatic recharge.


def recharge_due(account: BillingAccount, *, now: datetime) -> bool:
    """Whether the current tenant's balance is to be raised now."""
    if not account.auto_recharge or not account.stripe_customer_id:
        return False
    if terms_of_account(account).mode != Mode.PREPAID or balance_micro() >= account.recharge_below_micro:
        return False
    recharges = TopUp.objects.filter(source=TopUpSource.RECHARGE)
    if recharges.filter(status=TopUpStatus.PENDING).exists():
        return True  # one that is to be finished
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    paid = recharges.filter(created_at__gte=month, status=TopUpStatus.PAID).aggregate(sum=Sum("amount_micro"))
    if (paid["sum"] or 0) + account.recharge_micro > account.recharge_month_max_micro:
        return False
    failures = failures_in_a_row()
    last = recharges.first()
    return not failures or last is None or now >= last.created_at + RETRY_AFTER * 2 ** (failures - 1)


def failures_in_a_row() -> int:
    last = TopUp.objects.filter(source=TopUpSource.RECHARGE).values_list("status", flat=True)
    count = 0
    for status in last[: FAILURES_UNTIL_OFF + 1]:
        if status != TopUpStatus.FAILED:
            break
        count += 1
    return count


def recharge() -> TopUp | None:
    """Charges the current tenant's card if its balance is low: once at a time, and never more than the month's
    most.

    Whether a call that broke off was carried out is not known: the same top-up is tried again, with the same
    idempotency key. Raises stripe.StripeError for that.
    """
    with at_stripe():
        account = account_lock()
        if account is None or not recharge_due(account, now=timezone.now()):
            return None
        top_up = TopUp.objects.filter(source=TopUpSource.RECHARGE, status=TopUpStatus.PENDING).first()
        if top_up is None:
            top_up = TopUp(
                source=TopUpSource.RECHARGE, amount_micro=account.recharge_micro, created_at=timezone.now()
            )
            top_up.save()
    with at_stripe():
        top_up.refresh_from_db()
        if top_up.status == TopUpStatus.PENDING:
            _charge(top_up, account.stripe_customer_id)
    top_up.refresh_from_db()
    return top_up


def _charge(top_up: TopUp, customer: str) -> None:
    method = payment_method_of(customer)
    if not method:
        recharge_failed(top_up, "There is no card to charge: add one.")
        return
    tax_micro = _tax(top_up, customer)
    try:
        intent = client().v1.payment_intents.create(
            {
                "amount": cents_of(top_up.amount_micro + tax_micro),
                "currency": CURRENCY,
                "customer": customer,
                "payment_method": method,
                "off_session": True,
                "confirm": True,
                "description": "Automatic recharge of the balance",
                "metadata": {"top_up": str(top_up.id), "tax_micro": str(tax_micro)},
            },
            {"idempotency_key": f"top-up:{top_up.id}"},
        )
    except stripe.CardError as error:
        recharge_failed(top_up, error.user_message or "The card was declined.")
        return
    except stripe.IdempotencyError:  # it was asked for with another card, and broke off
        intents = client().v1.payment_intents.list({"customer": customer, "limit": 20}).data
        found = [each for each in intents if metadata_of(each).get("top_up") == str(top_up.id)]
        if not found:
            recharge_failed(top_up, "The card was changed while it was charged.")
            return
        intent = found[0]
    except stripe.InvalidRequestError as error:
        log.error("recharge_refused", top_up=str(top_up.id), error=str(error))
        recharge_failed(top_up, "Stripe refused the payment.")
        return
    top_up_of_intent(intent)


def _tax(top_up: TopUp, customer: str) -> int:
    """Where nobody is at a page, the tax is asked for by itself."""
    if not settings.STRIPE_TAX:
        return 0
    cents = cents_of(top_up.amount_micro)
    calculation = client().v1.tax.calculations.create(
        {
            "currency": CURRENCY,
            "customer": customer,
            "line_items": [{"amount": cents, "reference": str(top_up.id), "tax_behavior": "exclusive"}],
        }
    )
    return micro_of(calculation.tax_amount_exclusive)


def top_up_of_intent(intent: stripe.PaymentIntent) -> None:
    """Takes over what became of a recharge. Call it in `at_stripe`, with an intent that was fetched there."""
    metadata = metadata_of(intent)
    id = metadata.get("top_up", "")
    top_up = TopUp.objects.filter(id=id, source=TopUpSource.RECHARGE).first() if id else None
    if top_up is None or top_up.status == TopUpStatus.PAID:
        return
    if intent.status == "succeeded":
        tax = int(metadata.get("tax_micro", "0"))
        _settle(top_up, intent.id, micro_of(intent.amount_received) - tax, tax)
    elif intent.status in ("requires_action", "requires_payment_method", "canceled"):
        error = intent.last_payment_error
        recharge_failed(
            top_up, (error and error.message) or "The bank wants its owner to confirm the payment."
        )


@atomic()
def recharge_failed(top_up: TopUp, failure: str) -> None:
    if top_up.status != TopUpStatus.PENDING:
        return
    top_up.status, top_up.failure = TopUpStatus.FAILED, failure[:500]
    top_up.save(update_fields=["status", "failure"])
    off = failures_in_a_row() >= FAILURES_UNTIL_OFF
    if off:
        account = account_lock()
        assert account is not None
        account.auto_recharge = False
        account.save(update_fields=["auto_recharge"])
        record(action="billing.recharge_stopped", target=account, after={"auto_recharge": False})
    managers_tell(
        "Automatic recharge failed" if not off else "Automatic recharge is switched off",
        "billing/mail/recharge_failed.txt",
        {"top_up": top_up, "off": off},
    )


def top_up_check(top_up: TopUp) -> None:
    """Asks what became of a page, for when its event never came. Raises stripe.StripeError."""
    with at_stripe():
        top_up_of_session(client().v1.checkout.sessions.retrieve(top_up.checkout_session_id))
