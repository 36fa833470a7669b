"""How a subscription is changed: its items, trial, end and card, and what that costs at once."""

from stripe.params import SubscriptionUpdateParams

from apps.billing.fake import collecting, cycles, refusals, tax
from apps.billing.fake.invoice_lines import for_subscription, recount, take_pending
from apps.billing.fake.params import Form
from apps.billing.fake.proration import Change, bill_replaced_usage, change_items, prorate
from apps.billing.fake.state import Object, Routes, State, set_metadata, set_texts

DAY = 86_400
ACCEPTED = ("payment_settings", "billing_mode", "off_session", "expand", "invoice_settings")


def method_from(state: State, form: Form, customer: Object) -> str | None:
    method = state.maybe("payment_method", form.text("default_payment_method"), "default_payment_method")
    if method and method["customer"] != customer["id"]:
        raise refusals.Refusal(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )
    return str(method["id"]) if method else None


def trial_end_from(state: State, form: Form) -> int | None:
    days, given = form.integer("trial_period_days"), form.value("trial_end")
    if days:
        return state.now + days * DAY
    if given in (None, "now"):
        return None
    if int(given) <= state.now:
        raise refusals.Refusal(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end"
        )
    return int(given)


def update(state: State, form: Form, id: str) -> Object:
    form.accept(*ACCEPTED)
    subscription = state.get("subscription", id)
    if subscription["status"] in cycles.OVER:
        raise refusals.Refusal(
            "A canceled subscription can only update its cancellation_details and metadata.", param="id"
        )
    prorating = form.text("proration_behavior") or "create_prorations"
    behavior = form.text("payment_behavior") or "allow_incomplete"
    if behavior == "pending_if_incomplete":
        raise refusals.parameter_unsupported("payment_behavior")
    proration_date = form.integer("proration_date")
    with state.changing(subscription, "customer.subscription.updated"):
        set_texts(subscription, form, "description")
        set_metadata(subscription, form)
        _set_plain(state, subscription, form)
        _set_cancel(state, subscription, form)
        changed, old_period = [], cycles.period_of(subscription)
        interval = cycles.interval_of(subscription)
        if "items" in form:
            changed = change_items(state, subscription, form.groups("items"))
        moved = cycles.interval_of(subscription) != interval or form.value("billing_cycle_anchor") == "now"
        trial_over = _set_trial(state, subscription, form)
        invoice = _bill_changes(
            state,
            subscription,
            changed,
            prorating,
            old_period,
            proration_date or state.now,
            moved and not trial_over,
        )
    if trial_over:
        cycles.end_trial(state, subscription)
        invoice = state.get("invoice", subscription["latest_invoice"])
    if invoice and not state.discarded:
        collect_now(state, invoice, behavior)
    return subscription


def _set_plain(state: State, subscription: Object, form: Form) -> None:
    customer = state.get("customer", subscription["customer"])
    if "default_payment_method" in form:
        subscription["default_payment_method"] = method_from(state, form, customer)
    if automatic := form.group("automatic_tax"):
        if enabled := automatic.flag("enabled"):
            tax.need_location(customer)
        subscription["automatic_tax"] = {"enabled": enabled, "disabled_reason": None, "liability": None}
    if collection := form.text("collection_method"):
        subscription["collection_method"] = collection
    if (days := form.integer("days_until_due")) is not None:
        subscription["days_until_due"] = days
    if settings := form.group("trial_settings"):
        subscription["trial_settings"] = settings.plain()


def _set_cancel(state: State, subscription: Object, form: Form) -> None:
    if details := form.group("cancellation_details"):
        subscription["cancellation_details"] = {**subscription["cancellation_details"], **details.plain()}
    at: int | None
    if "cancel_at_period_end" in form:
        ends = form.flag("cancel_at_period_end")
        at = cycles.period_of(subscription)[1] if ends else None
    elif "cancel_at" in form:
        given, ends = form.value("cancel_at"), False
        at = (
            cycles.period_of(subscription)[1]
            if given in ("min_period_end", "max_period_end")
            else int(given or 0) or None
        )
    else:
        return
    if at and at < state.now:
        raise refusals.Refusal("cancel_at must be in the future.", param="cancel_at")
    reason = "cancellation_requested" if at else None
    subscription.update(
        cancel_at_period_end=ends,
        cancel_at=at,
        canceled_at=state.now if at else None,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
    )


def _set_trial(state: State, subscription: Object, form: Form) -> bool:
    """Whether the trial ends now."""
    if "trial_end" not in form:
        return False
    if form.value("trial_end") == "now":
        return bool(subscription["status"] == "trialing")
    ends = trial_end_from(state, form)
    subscription.update(
        status="trialing", trial_end=ends, trial_start=subscription["trial_start"] or state.now
    )
    subscription.update(billing_cycle_anchor=ends, _warned=False)
    cycles.set_period(subscription, cycles.period_of(subscription)[0], int(ends or 0))
    return False


def _bill_changes(
    state: State,
    subscription: Object,
    changes: list[Change],
    prorating: str,
    period: tuple[int, int],
    at: int,
    moved: bool,
) -> Object | None:
    """Pending items for what changed; an invoice where one is due at once."""
    if not changes and not moved:
        return None
    trial = subscription["status"] == "trialing"
    if not trial:
        bill_replaced_usage(state, subscription, changes, period[0])
    if prorating != "none" and not trial:
        whole = (
            [Change(item, item) for item in cycles.items_of(subscription)]
            if moved and not changes
            else changes
        )
        prorate(state, subscription, whole, at=at, period=period, new_period_begins=moved)
    if trial or not (moved or prorating == "always_invoice"):
        return None
    invoice = for_subscription(state, subscription, reason="subscription_update")
    if moved:
        subscription["billing_cycle_anchor"] = state.now
        cycles.set_period(subscription, state.now, cycles.end_after(subscription, state.now))
        cycles.fill(state, invoice, subscription, (period[0], state.now))
    else:
        take_pending(state, invoice, subscription["id"])
        recount(state, invoice)
    state.emit("invoice.created", invoice)
    return invoice


def collect_now(state: State, invoice: Object, behavior: str) -> None:
    collecting.finalize(state, invoice)
    if invoice["status"] == "open" and behavior == "error_if_incomplete":
        try:
            collecting.pay(state, invoice)
        except refusals.Refusal as refusal:
            refusal.keeps = False
            raise
    elif behavior != "default_incomplete":
        collecting.charge_unasked(state, invoice)


ROUTES: Routes = {"post /v1/subscriptions/*": (update, SubscriptionUpdateParams)}
