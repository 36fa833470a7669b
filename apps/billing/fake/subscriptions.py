"""Subscriptions: begun, cancelled, resumed, looked up. What changes one is in `changing`."""

from datetime import UTC, datetime

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionItemListParams,
    SubscriptionItemRetrieveParams,
    SubscriptionListParams,
    SubscriptionResumeParams,
    SubscriptionRetrieveParams,
)

from apps.billing.fake import changing, cycles, refusals, tax
from apps.billing.fake.beginning import start
from apps.billing.fake.catalog import price_for
from apps.billing.fake.changing import ACCEPTED, collect_now, method_from, trial_end_from
from apps.billing.fake.invoice_lines import for_subscription, recount, take_pending
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.proration import Change, prorate
from apps.billing.fake.state import Object, Routes, State

DAY = 86_400


def create(state: State, form: Form) -> Object:
    form.accept(*ACCEPTED)
    customer = state.get("customer", form.need("customer"), "customer")
    automatic = form.group("automatic_tax")
    taxed = automatic.flag("enabled") if automatic else False
    if taxed:
        tax.need_location(customer)
    items = [
        (price_for(state, item), item.integer("quantity"), item.mapping("metadata"))
        for item in form.groups("items")
    ]
    if not items:
        raise refusals.parameter_missing("items")
    behavior = form.text("payment_behavior") or "allow_incomplete"
    if behavior == "pending_if_incomplete":
        raise refusals.parameter_unsupported("payment_behavior")
    method = method_from(state, form, customer)
    trial_end = trial_end_from(state, form)
    at_end = form.flag("cancel_at_period_end")
    collection = form.text("collection_method") or "charge_automatically"
    if collection == "send_invoice" and "days_until_due" not in form:
        raise refusals.parameter_missing("days_until_due")
    fields: Object = {
        "automatic_tax": {"enabled": taxed, "disabled_reason": None, "liability": None},
        "cancel_at_period_end": at_end,
        "cancel_at": form.integer("cancel_at") if "cancel_at" in form else None,
        "canceled_at": state.now if at_end else None,
        "collection_method": collection,
        "days_until_due": form.integer("days_until_due"),
        "default_payment_method": method,
        "description": form.text("description"),
        "metadata": form.mapping("metadata"),
    }
    if settings := form.group("trial_settings"):
        fields["trial_settings"] = settings.plain()
    return start(
        state,
        customer,
        items,
        trial_end=trial_end,
        anchor=_anchor(state, form),
        prorates=form.text("proration_behavior") != "none",
        behavior=behavior,
        extras=[
            (price_for(state, each), each.integer("quantity") or 1)
            for each in form.groups("add_invoice_items")
        ],
        **fields,
    )


def _anchor(state: State, form: Form) -> int | None:
    if config := form.group("billing_cycle_anchor_config"):
        day = config.need("day_of_month")
        at = datetime.fromtimestamp(state.now, UTC)
        config_at = at.replace(
            hour=config.integer("hour") or 0,
            minute=config.integer("minute") or 0,
            second=config.integer("second") or 0,
        )
        first = int(config_at.replace(day=1).timestamp())
        while (found := _on_day(first, day)) <= state.now:
            first = cycles.next_end(first, "month", 1, first)
        return found
    anchor = form.integer("billing_cycle_anchor")
    if anchor is not None and anchor <= state.now:
        raise refusals.Refusal("billing_cycle_anchor must be in the future.", param="billing_cycle_anchor")
    return anchor


def _on_day(first: int, day: int) -> int:
    last = (cycles.next_end(first, "month", 1, first) - first) // DAY
    return first + (min(day, last) - 1) * DAY


def cancel(state: State, form: Form, id: str) -> Object:
    subscription = state.get("subscription", id)
    if subscription["status"] in cycles.OVER:
        raise refusals.missing("subscription", id)
    if details := form.group("cancellation_details"):
        subscription["cancellation_details"] = {**subscription["cancellation_details"], **details.plain()}
    period = cycles.period_of(subscription)
    if form.flag("prorate"):
        changes = [Change(item, None) for item in cycles.items_of(subscription)]
        prorate(state, subscription, changes, at=state.now, period=period, new_period_begins=True)
    cycles.end(state, subscription, reason="cancellation_requested")
    if form.flag("invoice_now"):
        invoice = for_subscription(state, subscription, reason="manual")
        take_pending(state, invoice, id)
        cycles.bill_usage(state, invoice, cycles.items_of(subscription), (period[0], state.now))
        recount(state, invoice)
        state.emit("invoice.created", invoice)
        collect_now(state, invoice, "allow_incomplete")
    return subscription


def resume(state: State, form: Form, id: str) -> Object:
    form.accept("proration_behavior", "billing_cycle_anchor")
    subscription = state.get("subscription", id)
    if subscription["status"] != "paused":
        raise refusals.Refusal("Only a paused subscription can be resumed.")
    cycles.end_trial(state, subscription)
    collect_now(state, state.get("invoice", subscription["latest_invoice"]), "allow_incomplete")
    state.emit("customer.subscription.resumed", subscription)
    return subscription


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("subscription", id)


def listed(state: State, form: Form) -> Object:
    """Without a status those that are not over, as Stripe has it."""
    status, price = form.text("status"), form.text("price")
    found = where(state.all("subscription"), form, "customer", "collection_method")
    if status is None:
        found = [each for each in found if each["status"] != "canceled"]
    elif status == "ended":
        found = [each for each in found if each["status"] in cycles.OVER]
    elif status != "all":
        found = [each for each in found if each["status"] == status]
    if price:
        found = [each for each in found if any(i["price"]["id"] == price for i in cycles.items_of(each))]
    return page(form, "/v1/subscriptions", found)


def list_items(state: State, form: Form) -> Object:
    subscription = state.get("subscription", form.need("subscription"), "subscription")
    return page(form, "/v1/subscription_items", cycles.items_of(subscription))


def retrieve_item(state: State, form: Form, id: str) -> Object:
    for subscription in state.all("subscription"):
        for item in cycles.items_of(subscription):
            if item["id"] == id:
                return item
    raise refusals.missing("subscription_item", id)


ROUTES: Routes = {
    "post /v1/subscriptions": (create, SubscriptionCreateParams),
    "get /v1/subscriptions": (listed, SubscriptionListParams),
    "get /v1/subscriptions/*": (retrieve, SubscriptionRetrieveParams),
    **changing.ROUTES,
    "delete /v1/subscriptions/*": (cancel, SubscriptionCancelParams),
    "post /v1/subscriptions/*/resume": (resume, SubscriptionResumeParams),
    "get /v1/subscription_items": (list_items, SubscriptionItemListParams),
    "get /v1/subscription_items/*": (retrieve_item, SubscriptionItemRetrieveParams),
}
