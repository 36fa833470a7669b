"""Plans that are paid for by the month.

An upgrade is paid for at once, for what is left of the month; a cheaper plan begins with the next month. Stripe's
object says all of it, so that what we keep can be made anew from it at any time: a subscription whose price is
already the next plan's names, in its metadata, the plan that was paid for and until when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit.services import record
from apps.billing.ledger import account_lock
from apps.billing.models import BillingAccount
from apps.billing.plans import Plan, plans
from apps.billing.selectors import forget_terms
from apps.billing.services import plan_set
from apps.billing.stripe.catalog import catalog
from apps.billing.stripe.client import at_stripe, client, maybe_moment, metadata_of, moment
from apps.billing.stripe.credit import included_expire
from apps.billing.stripe.customers import customer_id
from apps.billing.stripe.mailing import managers_tell
from apps.billing.stripe.meter import pushes_make
from apps.billing.stripe.models import Subscription
from apps.billing.stripe.selectors import GOOD, subscription_current
from apps.billing.stripe.top_ups import tax_params

log = structlog.get_logger(__name__)


# What members ask for.


def subscription_start(*, plan: str, success_url: str, cancel_url: str) -> str:
    """The address of the page where the current tenant subscribes. Raises ValidationError."""
    wanted = _plan(plan)
    if not wanted.price_micro:
        raise ValidationError(f"The plan {wanted.name} costs nothing: cancel the subscription for it.")
    if subscription_current() is not None:
        raise ValidationError("There is a subscription already: change its plan.")
    customer, known = customer_id(), catalog()
    _expire_pages()
    row = Subscription(plan=plan, created_at=timezone.now())
    row.save()
    metadata = {"subscription": str(row.id)}
    params: stripe.params.checkout.SessionCreateParams = {
        "mode": "subscription",
        "customer": customer,
        "line_items": [{"price": known.plans[plan], "quantity": 1}, {"price": known.usage}],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "client_reference_id": str(row.tenant_id),
        "metadata": metadata,
        "subscription_data": {"metadata": metadata},
    }
    params.update(tax_params())
    session = client().v1.checkout.sessions.create(params, {"idempotency_key": f"subscribe:{row.id}"})
    Subscription.objects.filter(id=row.id).update(checkout_session_id=session.id)
    return session.url or ""


def _expire_pages() -> None:
    """Of two pages only the last can be paid."""
    for row in Subscription.objects.filter(status=Subscription.CHECKOUT).exclude(checkout_session_id=""):
        try:
            client().v1.checkout.sessions.expire(row.checkout_session_id)
        except stripe.InvalidRequestError:
            continue  # it is over already: what came of it is told by its event
        Subscription.objects.filter(id=row.id).update(status="expired", ended_at=timezone.now())


@dataclass(frozen=True, slots=True)
class Change:
    """`at` is when it begins; None: at once."""

    plan: Plan
    at: datetime | None


def change_to(row: Subscription, plan: str) -> Change:
    """What changing to a plan would mean. Raises ValidationError."""
    wanted, current = _plan(plan), plans().of(row.plan)
    if wanted.key == (row.next_plan or row.plan) and row.cancel_at is None:
        raise ValidationError(f"{wanted.name} is the plan already.")
    if not wanted.price_micro or wanted.price_micro < current.price_micro:
        return Change(wanted, row.period_end)
    return Change(wanted, None)


def subscription_change(*, plan: str) -> Subscription:
    """Changes the current tenant's plan: up at once and paid for now, down with the next month. Raises
    ValidationError, also where the card is declined: then nothing has changed."""
    with at_stripe():
        row = _existing()
        change = change_to(row, plan)
        if not change.plan.price_micro:
            return _cancel(row)
        found = _retrieve(row)
        item = _flat_item(found)
        if row.next_plan:  # the plan that is paid for is what the change begins with
            found = _update(row, "restore", _restored(item, row.plan))
        if change.plan.key == row.plan:
            found = _update(row, "keep", {"cancel_at_period_end": False})
        else:
            later = change.at is not None
            found = _update(
                row,
                f"to:{plan}",
                {
                    "items": [{"id": item.id, "price": catalog().plans[plan]}],
                    "proration_behavior": "none" if later else "always_invoice",
                    "payment_behavior": "allow_incomplete" if later else "error_if_incomplete",
                    "cancel_at_period_end": False,
                    "metadata": {
                        "paid_plan": row.plan if later else "",
                        "paid_until": str(item.current_period_end) if later else "",
                    },
                },
            )
        record(
            action="subscription.changed",
            target=row,
            after={"plan": plan, "from": change.at.isoformat() if change.at else "now"},
        )
        return subscription_take(found)


def subscription_cancel() -> Subscription:
    """At the end of what is paid for. Raises ValidationError without a subscription."""
    with at_stripe():
        return _cancel(_existing())


def _cancel(row: Subscription) -> Subscription:
    if row.status == "unpaid" or row.fallen:
        found = client().v1.subscriptions.cancel(row.stripe_subscription_id)
    else:
        found = _update(row, "cancel", {"cancel_at_period_end": True})
    record(action="subscription.cancelled", target=row)
    return subscription_take(found)


def subscription_resume() -> Subscription:
    """Takes back a cancellation, or a change to come. Raises ValidationError where there is none."""
    with at_stripe():
        row = _existing()
        if row.cancel_at is None and not row.next_plan:
            raise ValidationError("The subscription was neither cancelled nor is a change to come.")
        found = _retrieve(row)
        changes: dict[str, Any] = {"cancel_at_period_end": False}
        if row.next_plan:
            changes |= _restored(_flat_item(found), row.plan)
        found = _update(row, "resume", changes)
        record(action="subscription.resumed", target=row)
        return subscription_take(found)


def portal_start(*, return_url: str) -> str:
    """The address of the page for cards, tax ids and Stripe's invoices."""
    session = client().v1.billing_portal.sessions.create(
        {"customer": customer_id(), "return_url": return_url}
    )
    return session.url


def _restored(item: stripe.SubscriptionItem, plan: str) -> dict[str, Any]:
    return {
        "items": [{"id": item.id, "price": catalog().plans[plan]}],
        "proration_behavior": "none",
        "metadata": {"paid_plan": "", "paid_until": ""},
    }


def _update(row: Subscription, verb: str, changes: Mapping[str, Any]) -> stripe.Subscription:
    """Raises ValidationError where the card is declined."""
    key = f"subscription:{row.id}:{row.changes}:{verb}"
    row.changes += 1  # also after a refusal, which the same key would only repeat
    row.save(update_fields=["changes"])
    try:
        return client().v1.subscriptions.update(
            row.stripe_subscription_id,
            changes,  # type: ignore[arg-type]
            {"idempotency_key": key},
        )
    except stripe.CardError as error:
        raise ValidationError(
            f"{error.user_message or 'The card was declined.'} Nothing has changed: choose another card under "
            "“Payment method”, and try again."
        ) from None


def _existing() -> Subscription:
    row = subscription_current()
    if row is None:
        raise ValidationError("There is no subscription: choose a plan first.")
    return row


def _plan(key: str) -> Plan:
    if key not in plans():
        raise ValidationError(f"There is no plan {key!r}: choose one of {', '.join(plans())}.")
    return plans()[key]


def _retrieve(row: Subscription) -> stripe.Subscription:
    return client().v1.subscriptions.retrieve(row.stripe_subscription_id)


def _flat_item(found: stripe.Subscription) -> stripe.SubscriptionItem:
    flat = [item for item in found["items"].data if metadata_of(item.price).get("plan")]
    if not flat:
        raise ValidationError(
            "This subscription was made outside of Antiphon: it can only be changed at Stripe."
        )
    return flat[0]  # type: ignore[no-any-return]


# What Stripe says.


@dataclass(frozen=True, slots=True)
class Said:
    """What a subscription at Stripe means."""

    plan: str
    next_plan: str
    period_start: datetime
    period_end: datetime


def what_it_says(found: stripe.Subscription) -> Said | None:
    """None for one that is for no plan of ours."""
    items = found["items"].data
    flat = [item for item in items if metadata_of(item.price).get("plan")]
    if not flat:
        return None
    item = flat[0]
    plan, metadata = metadata_of(item.price)["plan"], metadata_of(found)
    start, end = moment(item.current_period_start), moment(item.current_period_end)
    paid = metadata.get("paid_plan", "")
    if paid and metadata.get("paid_until") == str(item.current_period_end):
        return Said(paid, plan, start, end)
    return Said(plan, "", start, end)


def plan_allowed(
    *, plan: str, status: str, past_due_since: datetime | None, now: datetime, grace: timedelta
) -> str:
    """What a tenant has by its subscription: the plan, also while a payment is late, for some days; else
    nothing."""
    if status in GOOD:
        return plan
    if status == "past_due" and past_due_since is not None and now < past_due_since + grace:
        return plan
    return ""


def grace() -> timedelta:
    return timedelta(days=settings.BILLING_GRACE_DAYS)


def subscription_take(found: stripe.Subscription) -> Subscription:
    """Takes over a subscription. Call it in `at_stripe`, with one that was fetched, or changed, there."""
    row = Subscription.objects.filter(stripe_subscription_id=found.id).first()
    if row is None and (id := metadata_of(found).get("subscription")):
        row = Subscription.objects.filter(id=id, stripe_subscription_id="").first()
    said = what_it_says(found)
    if row is None:
        row = Subscription(created_at=moment(found.created), plan=said.plan if said else "")
    row.stripe_subscription_id, row.status = found.id, found.status
    if said is not None:
        row.plan, row.next_plan = said.plan, said.next_plan
        row.period_start, row.period_end = said.period_start, said.period_end
    row.cancel_at = maybe_moment(found.cancel_at)
    if row.cancel_at is None and found.cancel_at_period_end:
        row.cancel_at = row.period_end
    row.ended_at = maybe_moment(found.ended_at)
    was_late = row.past_due_since is not None
    if found.status in GOOD or row.ended_at:
        row.past_due_since = None
    elif found.status in ("past_due", "unpaid") and row.past_due_since is None:
        row.past_due_since = timezone.now()
    row.save()
    if row.past_due_since and not was_late:
        managers_tell(
            "A payment is late", "billing/mail/past_due.txt", {"until": row.past_due_since + grace()}
        )
    elif was_late and found.status in GOOD:
        managers_tell("Thank you, all is paid", "billing/mail/recovered.txt", {})
    others = Subscription.objects.filter(status__in=[*GOOD, "past_due", "unpaid"]).exclude(id=row.id)
    if found.status in GOOD and others.exists():
        log.error("subscribed_twice", subscription=found.id, tenant=str(row.tenant_id))
    pushes_make(row, now=timezone.now())  # what was used on the terms that may end now
    plan_apply(row)
    return row


def plan_apply(row: Subscription) -> None:
    """Puts the current tenant on the plan that its subscription allows. Once more changes nothing."""
    if row.status in (Subscription.CHECKOUT, "incomplete", "incomplete_expired", "expired"):
        return
    current = subscription_current()
    if current is not None and current.id != row.id:
        return  # an older one that is over
    allowed = plan_allowed(
        plan=row.plan,
        status=row.status,
        past_due_since=row.past_due_since,
        now=timezone.now(),
        grace=grace(),
    )
    account = account_lock() or BillingAccount()
    fallen = not allowed and not row.ended_at
    if row.ended_at and not _had_it(account, row):
        return  # staff has chosen another plan meanwhile, or it was over before
    if not allowed:
        included_expire(until=row.ended_at or timezone.now())
    target = allowed or plans().first.key
    if plans().of(account.plan).key != target:
        plan_set(plan=target)
        forget_terms()
    if fallen and not row.fallen:
        managers_tell("The plan has ended for want of payment", "billing/mail/fallen.txt", {"row": row})
    if row.fallen != fallen:
        row.fallen = fallen
        row.save(update_fields=["fallen"])


def _had_it(account: BillingAccount, row: Subscription) -> bool:
    return plans().of(account.plan).key == row.plan


def page_expired(session_id: str) -> None:
    """Nobody subscribed on that page."""
    rows = Subscription.objects.filter(status=Subscription.CHECKOUT, checkout_session_id=session_id)
    rows.update(status="expired", ended_at=timezone.now())


def grace_check(row: Subscription) -> None:
    """Whether the days of grace are over."""
    with at_stripe():
        row.refresh_from_db()
        plan_apply(row)
