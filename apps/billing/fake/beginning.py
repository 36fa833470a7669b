"""How a subscription begins: with its items and its first invoice."""

from decimal import Decimal
from typing import Any

from apps.billing.fake import collecting, cycles, refusals
from apps.billing.fake.invoice_items import new_item
from apps.billing.fake.invoice_lines import add_flat, for_subscription, recount, take_item
from apps.billing.fake.proration import make_item, one_interval
from apps.billing.fake.state import Object, State, a_list

DAY = 86_400


def start(
    state: State,
    customer: Object,
    items: list[tuple[Object, int | None, dict[str, str]]],
    *,
    trial_end: int | None = None,
    anchor: int | None = None,
    prorates: bool = True,
    behavior: str = "allow_incomplete",
    extras: list[tuple[Object, int]] | None = None,
    confirmed: bool = False,
    **fields: Any,
) -> Object:
    """A subscription with its first invoice, paid if it can be.

    `items`: price, quantity and metadata of each. `extras`: one-time prices on the first invoice.
    Raises Refusal where it can't be, or when the card is declined and `behavior` is error_if_incomplete.
    """
    id = state.new_id("sub")
    subscription = state.add(
        "subscription",
        "sub",
        **{
            "id": id,
            "application": None,
            "billing_cycle_anchor": state.now,
            "billing_schedules": [],
            "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None},
            "billing_mode": {
                "type": "flexible",
                "flexible": {"proration_discounts": "included"},
                "updated_at": state.now,
            },
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "currency": items[0][0]["currency"],
            "customer": customer["id"],
            "days_until_due": None,
            "default_payment_method": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "ended_at": None,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": a_list(f"/v1/subscription_items?subscription={id}", []),
            "latest_invoice": None,
            "metadata": {},
            "pause_collection": None,
            "pending_setup_intent": None,
            "payment_settings": {"payment_method_types": None, "save_default_payment_method": "off"},
            "pending_update": None,
            "schedule": None,
            "start_date": state.now,
            "status": "incomplete",
            "trial_start": state.now if trial_end else None,
            "trial_end": trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "_announced": False,
            "_warned": trial_end is None or trial_end - state.now < cycles.TRIAL_WARNING,
            **fields,
        },
    )
    for price, quantity, metadata in items:
        item = make_item(state, id, price, quantity, (state.now, state.now))
        item["metadata"] = metadata
        subscription["items"]["data"].append(item)
    one_interval(subscription)
    customer["currency"] = customer["currency"] or subscription["currency"]
    subscription["billing_cycle_anchor"] = trial_end or anchor or state.now
    ends = trial_end or cycles.end_after(subscription, state.now)
    cycles.set_period(subscription, state.now, ends)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = ends
    _first_invoice(state, subscription, customer, extras or [], prorates, behavior, confirmed)
    subscription["_announced"] = True
    state.emit("customer.subscription.created", subscription)
    return subscription


def _first_invoice(
    state: State,
    subscription: Object,
    customer: Object,
    extras: list[tuple[Object, int]],
    prorates: bool,
    behavior: str,
    confirmed: bool,
) -> None:
    invoice = for_subscription(state, subscription, reason="subscription_create")
    start, ends = cycles.period_of(subscription)
    if subscription["status"] != "trialing" and subscription["trial_end"] is None:
        whole = ends - _period_before(subscription, ends)
        share = Decimal(ends - start) / Decimal(whole)
        for item in cycles.items_of(subscription):
            if not cycles.is_metered(item) and (share == 1 or prorates):
                add_flat(state, invoice, item, (start, ends), share)
    for price, quantity in extras:
        name = state.get("product", price["product"])["name"]
        amount = (price["unit_amount"] or 0) * quantity
        take_item(state, invoice, new_item(state, customer=customer["id"], amount=amount, description=name))
    recount(state, invoice)
    state.emit("invoice.created", invoice)
    if subscription["collection_method"] == "send_invoice":
        invoice["due_date"] = state.now + (subscription["days_until_due"] or 0) * DAY
        subscription["status"] = "active"
    collecting.finalize(state, invoice)
    if invoice["status"] != "open" or subscription["collection_method"] == "send_invoice":
        return
    if behavior == "default_incomplete":
        return
    if collecting.default_method(state, invoice) is None:
        raise refusals.Refusal(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method.",
            code="resource_missing",
        )
    try:
        collecting.pay(state, invoice, confirmed=confirmed)
    except refusals.Refusal as refusal:
        if behavior == "error_if_incomplete":
            refusal.keeps = False
            raise


def _period_before(subscription: Object, ends: int) -> int:
    """When the whole period that ends then began."""
    interval, count = cycles.interval_of(subscription)
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count * DAY
    at = ends - longest - DAY
    while (found := cycles.next_end(ends, interval, count, at)) < ends:
        at = found
    return at
