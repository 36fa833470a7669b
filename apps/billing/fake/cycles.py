"""A subscription over time: its periods, renewals, the end of a trial, and its own end."""

import calendar
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from apps.billing.fake.invoice_lines import (
    add_flat,
    add_metered,
    for_subscription,
    recount,
    subscription_of,
    take_pending,
)
from apps.billing.fake.state import Object, State

DAY = 86_400
OVER = ("canceled", "incomplete_expired")
GOING = ("active", "past_due", "unpaid", "trialing")
INCOMPLETE_SECONDS = 23 * 3600
TRIAL_WARNING = 3 * DAY


def next_end(anchor: int, interval: str, count: int, after: int) -> int:
    """The first time later than `after` that is a whole number of intervals from the anchor.

    Months keep the anchor's day, or the last one of a shorter month.
    """
    start, later = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(after, UTC)
    if interval in ("day", "week"):
        step = timedelta(days=count * (7 if interval == "week" else 1))
        return int((start + step * ((later - start) // step + 1)).timestamp())
    months = count * (12 if interval == "year" else 1)
    number = ((later.year - start.year) * 12 + later.month - start.month) // months
    while (end := _add_months(start, number * months)) <= later:
        number += 1
    while (before := _add_months(start, (number - 1) * months)) > later:
        number, end = number - 1, before
    return int(end.timestamp())


def _add_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def items_of(subscription: Object) -> list[Object]:
    found: list[Object] = subscription["items"]["data"]
    return found


def is_metered(item: Object) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "metered")


def period_of(subscription: Object) -> tuple[int, int]:
    item = items_of(subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def set_period(subscription: Object, start: int, end: int) -> None:
    for item in items_of(subscription):
        item.update(current_period_start=start, current_period_end=end)


def interval_of(subscription: Object) -> tuple[str, int]:
    recurring = items_of(subscription)[0]["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def end_after(subscription: Object, at: int) -> int:
    return next_end(subscription["billing_cycle_anchor"], *interval_of(subscription), at)


def bill_usage(state: State, invoice: Object, items: Iterable[Object], period: tuple[int, int]) -> None:
    for item in items:
        if is_metered(item):  # an item that came in the middle of the period counts from then on
            add_metered(state, invoice, item, (max(period[0], item.get("_usage_from", 0)), period[1]))


def period_is_over(state: State, subscription: Object) -> None:
    """What happens at the end of the current period: an end, or the next one and its invoice."""
    ends = subscription["cancel_at"] is not None and subscription["cancel_at"] <= state.now
    if subscription["status"] == "trialing":
        _trial_is_over(state, subscription, ends=ends)
    elif ends:
        end(state, subscription, reason="cancellation_requested", bill_until=state.now)
    else:
        _renew(state, subscription, usage_of=period_of(subscription))


def _trial_is_over(state: State, subscription: Object, *, ends: bool) -> None:
    customer = state.get("customer", subscription["customer"])
    card = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    without = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    by_card = subscription["collection_method"] == "charge_automatically"
    if ends:
        end(state, subscription, reason="cancellation_requested")
    elif by_card and not card and without == "cancel":
        end(state, subscription, reason="payment_failed")
    elif by_card and not card and without == "pause":
        with state.changing(subscription, "customer.subscription.paused"):
            subscription["status"] = "paused"
    else:
        end_trial(state, subscription)


def end_trial(state: State, subscription: Object) -> None:
    """The first period that costs begins now. What was used in the trial is free."""
    with_anchor = {"status": "active", "billing_cycle_anchor": state.now, "trial_end": state.now}
    _renew(state, subscription, usage_of=None, **with_anchor)


def _renew(
    state: State, subscription: Object, *, usage_of: tuple[int, int] | None, **changes: object
) -> None:
    with state.changing(subscription, "customer.subscription.updated"):
        subscription.update(changes)
        start = state.now
        set_period(subscription, start, end_after(subscription, start))
        invoice = for_subscription(state, subscription, reason="subscription_cycle")
        fill(state, invoice, subscription, usage_of)
        invoice["automatically_finalizes_at"] = state.now + state.rules.draft_seconds
        if subscription["status"] == "unpaid":
            invoice.update(auto_advance=False, automatically_finalizes_at=None)
    state.emit("invoice.created", invoice)


def fill(state: State, invoice: Object, subscription: Object, usage_of: tuple[int, int] | None) -> None:
    """Pending items, the usage of the period that is over, and the flat prices of the one that begins."""
    start, end = period_of(subscription)
    invoice.update(period_start=usage_of[0] if usage_of else start, period_end=start)
    take_pending(state, invoice, subscription["id"])
    if usage_of:
        bill_usage(state, invoice, items_of(subscription), usage_of)
    for item in items_of(subscription):
        if not is_metered(item):
            add_flat(state, invoice, item, (start, end))
    recount(state, invoice)


def end(state: State, subscription: Object, *, reason: str, bill_until: int | None = None) -> None:
    """It is over. With `bill_until`, what was used in the last period gets an invoice."""
    start, _ = period_of(subscription)
    subscription.update(
        status="canceled",
        ended_at=state.now,
        canceled_at=subscription["canceled_at"] or state.now,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
    )
    for invoice in state.all("invoice"):  # Stripe no longer tries to collect these by itself
        if subscription_of(invoice) == subscription["id"] and invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, next_payment_attempt=None, automatically_finalizes_at=None)
    if bill_until is not None and any(map(is_metered, items_of(subscription))):
        final = for_subscription(state, subscription, reason="subscription_cycle")
        final.update(period_start=start, period_end=bill_until)
        take_pending(state, final, subscription["id"])
        bill_usage(state, final, items_of(subscription), (start, bill_until))
        recount(state, final)
        final["automatically_finalizes_at"] = state.now + state.rules.draft_seconds
        state.emit("invoice.created", final)
    state.emit("customer.subscription.deleted", subscription)


def expire_incomplete(state: State, subscription: Object) -> None:
    """The first payment did not come within 23 hours."""
    with state.changing(subscription, "customer.subscription.updated"):
        subscription.update(status="incomplete_expired", ended_at=state.now)


def invoice_settled(state: State, invoice: Object) -> None:
    """Paid, void or written off: a subscription that waited for its latest invoice goes on."""
    subscription = state.kind("subscription").get(subscription_of(invoice) or "")
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    state.get("customer", subscription["customer"])["delinquent"] = False
    if subscription["status"] in ("past_due", "unpaid"):
        set_status(state, subscription, "active")
    elif subscription["status"] == "incomplete":
        if invoice["status"] == "paid":
            trial = (subscription["trial_end"] or 0) > state.now
            set_status(state, subscription, "trialing" if trial else "active")
        else:
            expire_incomplete(state, subscription)


def invoice_failed(state: State, invoice: Object, *, last: bool) -> None:
    """An attempt to collect failed; after the `last` one the account's rule decides."""
    subscription = state.kind("subscription").get(subscription_of(invoice) or "")
    if subscription is None or subscription["status"] in (*OVER, "incomplete"):
        return
    state.get("customer", subscription["customer"])["delinquent"] = True
    if subscription["status"] in ("active", "trialing"):
        set_status(state, subscription, "past_due")
    if last and state.rules.after_retries == "cancel":
        end(state, subscription, reason="payment_failed")
    elif last and state.rules.after_retries == "unpaid":
        invoice["auto_advance"] = False
        set_status(state, subscription, "unpaid")


def set_status(state: State, subscription: Object, status: str) -> None:
    if not subscription["_announced"]:  # the event of its creation will show it
        subscription["status"] = status
        return
    with state.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = status
