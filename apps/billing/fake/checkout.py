"""Checkout sessions: a page that asks for a payment, a subscription or a card."""

from typing import Any

from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionLineItemListParams,
    SessionListParams,
    SessionRetrieveParams,
    SessionUpdateParams,
)

from apps.billing.fake import beginning, cards, collecting, payments, refusals, setups, tax
from apps.billing.fake.checkout_lines import count, lines_from, trial_days
from apps.billing.fake.customers import new_customer
from apps.billing.fake.invoice_items import new_item
from apps.billing.fake.invoice_lines import new_invoice, recount, take_item
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, a_list, present, set_metadata

DAY = 86_400
_ACCEPTED = (
    *(
        "allow_promotion_codes",
        "billing_address_collection",
        "custom_text",
        "customer_creation",
        "locale",
        "expand",
    ),
    *(
        "payment_method_collection",
        "payment_method_options",
        "payment_method_types",
        "phone_number_collection",
    ),
    *("saved_payment_method_options", "submit_type", "tax_id_collection", "branding_settings"),
    *("adaptive_pricing", "consent_collection", "currency"),
)


def create(state: State, form: Form) -> Object:
    form.accept(*_ACCEPTED)
    mode, customer = form.need("mode"), state.maybe("customer", form.text("customer"), "customer")
    if form.text("ui_mode") not in (None, "hosted_page"):
        raise refusals.parameter_unsupported("ui_mode")
    expires = form.integer("expires_at") or state.now + DAY
    if not state.now + 1800 <= expires <= state.now + DAY:
        raise refusals.Refusal(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    updates = form.group("customer_update")
    if updates:
        updates.accept("name", "shipping")
    automatic, address = form.group("automatic_tax"), updates and updates.text("address")
    taxed = automatic.flag("enabled") if automatic else False
    if taxed and customer and not (customer["address"] or {}).get("country") and address != "auto":
        raise refusals.Refusal(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address "
            "to the Customer or set either `customer_update[address]` to 'auto' or "
            "`customer_update[shipping]` to 'auto'.",
            code="customer_tax_location_invalid",
        )
    id = state.new_id("cs_test", 58)
    lines = lines_from(state, form, mode)
    session = state.add(
        "checkout.session",
        "cs_test",
        id=id,
        after_expiration=None,
        automatic_tax={"enabled": taxed, "liability": None, "provider": None, "status": None},
        cancel_url=form.text("cancel_url"),
        client_reference_id=form.text("client_reference_id"),
        client_secret=None,
        currency=lines[0]["currency"] if lines else None,
        custom_fields=[],
        custom_text={"after_submit": None, "shipping_address": None, "submit": None},
        shipping_options=[],
        customer=customer and customer["id"],
        customer_details=None,
        customer_email=form.text("customer_email"),
        expires_at=expires,
        invoice=None,
        line_items=a_list(f"/v1/checkout/sessions/{id}/line_items", lines),
        metadata={},
        mode=mode,
        payment_intent=None,
        payment_method_types=["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        setup_intent=None,
        status="open",
        subscription=None,
        success_url=form.need("success_url"),
        ui_mode="hosted_page",
        url=f"{state.pages}/fake-stripe/checkout/{id}",
        _address=address,
        **_data(form, mode),
    )
    set_metadata(session, form)
    if mode == "setup":
        data = session["_setup"]
        setup = setups.new_setup(state, customer=session["customer"], metadata=data.get("metadata", {}))
        session["setup_intent"] = setup["id"]
    count(state, session, customer)
    return session


def _data(form: Form, mode: str) -> dict[str, Any]:
    """What the later objects are to have. Raises Refusal for the data of another mode."""
    found: dict[str, Any] = {}
    for name, key, modes in (
        ("payment_intent_data", "_payment", ("payment",)),
        ("subscription_data", "_subscription", ("subscription",)),
        ("setup_intent_data", "_setup", ("setup",)),
        ("invoice_creation", "_invoice", ("payment",)),
    ):
        group = form.group(name)
        if group and mode not in modes:
            raise refusals.Refusal(f"You can not pass `{name}` in `{mode}` mode.", param=name)
        found[key] = group.plain() if group else {}
    _known(
        found["_payment"],
        "payment_intent_data",
        "metadata",
        "description",
        "setup_future_usage",
        "receipt_email",
    )
    _known(found["_subscription"], "subscription_data", "metadata", "description", "trial_period_days", "trial_end",
           "trial_settings", "billing_cycle_anchor", "proration_behavior", "billing_mode")  # fmt: skip
    _known(found["_setup"], "setup_intent_data", "metadata", "description")
    _known(found["_invoice"], "invoice_creation", "enabled", "invoice_data")
    return found


def _known(data: dict[str, Any], path: str, *names: str) -> None:
    for name in data:
        if name not in names:
            raise refusals.parameter_unsupported(f"{path}[{name}]")


def need_open(session: Object) -> None:
    if session["status"] != "open":
        raise refusals.Refusal(f"This Checkout Session is {session['status']}: it can't be paid any more.")


def pay(
    state: State, session: Object, card: cards.Card, *, country: str | None = None, confirmed: bool = False
) -> bool:
    """What the page's button does. False: the bank asks the card's holder first; call again with `confirmed`.

    Raises Refusal (402) when the card is declined; the page stays open for another card.
    """
    need_open(session)
    if card.asks != "never" and not confirmed:
        return False
    customer = state.maybe("customer", session["customer"])
    if customer is None:
        customer = new_customer(state, email=session["customer_email"])
        state.emit("customer.created", customer)
        session["customer"] = customer["id"]
    if country and (session["_address"] == "auto" or customer["address"] is None):
        with state.changing(customer):
            customer["address"] = {
                **dict.fromkeys(("city", "line1", "line2", "postal_code", "state")),
                "country": country,
            }
    if session["automatic_tax"]["enabled"]:
        tax.need_location(customer)
    count(state, session, customer)
    method = cards.make_method(state, card, {"email": customer["email"], "address": customer["address"]})
    {"payment": _pay_once, "subscription": _subscribe, "setup": _keep_card}[session["mode"]](
        state, session, customer, method
    )
    session.update(
        status="complete",
        customer=customer["id"],
        url=None,
        payment_status="no_payment_required"
        if session["mode"] == "setup" or not session["amount_total"]
        else "paid",
        customer_details={
            "address": customer["address"],
            "email": customer["email"],
            "name": customer["name"],
            "phone": None,
            "tax_exempt": customer["tax_exempt"],
            "tax_ids": [],
        },
    )
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"] = {**session["automatic_tax"], "status": "complete", "provider": "stripe"}
    state.emit("checkout.session.completed", session)
    return True


def _pay_once(state: State, session: Object, customer: Object, method: Object) -> None:
    data = session["_payment"]
    if session["_invoice"].get("enabled"):
        session["payment_intent"] = _pay_invoice(state, session, customer, method)["id"]
        return
    intent = state.maybe("payment_intent", session["payment_intent"])  # of a try that was declined
    intent = intent or payments.new_intent(
        state,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer["id"],
        description=data.get("description"),
        metadata=dict(data.get("metadata") or {}),
        receipt_email=data.get("receipt_email"),
        setup_future_usage=data.get("setup_future_usage"),
    )
    intent.update(amount=session["amount_total"], payment_method=method["id"])
    session["payment_intent"] = intent["id"]
    payments.confirm(state, intent, off_session=False, confirmed=True)


def _pay_invoice(state: State, session: Object, customer: Object, method: Object) -> Object:
    invoice = new_invoice(state, customer, reason="manual", default_payment_method=method["id"])
    invoice["automatic_tax"] = {**invoice["automatic_tax"], "enabled": session["automatic_tax"]["enabled"]}
    invoice["metadata"] = dict((session["_invoice"].get("invoice_data") or {}).get("metadata") or {})
    for line in session["line_items"]["data"]:
        amount, quantity = line["amount_subtotal"], line["quantity"]
        item = new_item(
            state, customer=customer["id"], amount=amount, description=line["description"], quantity=quantity
        )
        take_item(state, invoice, item)
    recount(state, invoice)
    state.emit("invoice.created", invoice)
    collecting.finalize(state, invoice)
    session["invoice"] = invoice["id"]
    intent = collecting.intent_of(state, invoice)
    if intent is None:
        raise refusals.Refusal("The amount is too small to be charged.", code="amount_too_small")
    data = session["_payment"]
    intent.update(
        metadata=dict(data.get("metadata") or {}), setup_future_usage=data.get("setup_future_usage")
    )
    try:
        collecting.pay(state, invoice, confirmed=True)
    except refusals.Refusal as refusal:
        refusal.keeps = False  # the page stays open, and no invoice is left behind
        raise
    return intent


def _subscribe(state: State, session: Object, customer: Object, method: Object) -> None:
    data, lines = session["_subscription"], session["line_items"]["data"]
    cards.attach(state, method, customer)
    trial_end = data.get("trial_end") or (
        state.now + trial_days(session) * DAY if trial_days(session) else None
    )
    subscription = beginning.start(
        state,
        customer,
        [(line["price"], line["quantity"], {}) for line in lines if line["price"]["recurring"]],
        trial_end=trial_end,
        anchor=data.get("billing_cycle_anchor"),
        prorates=data.get("proration_behavior") != "none",
        behavior="error_if_incomplete",
        extras=[(line["price"], line["quantity"]) for line in lines if not line["price"]["recurring"]],
        confirmed=True,
        default_payment_method=method["id"],
        description=data.get("description"),
        metadata=dict(data.get("metadata") or {}),
        automatic_tax={
            "enabled": session["automatic_tax"]["enabled"],
            "disabled_reason": None,
            "liability": None,
        },
        **({"trial_settings": data["trial_settings"]} if "trial_settings" in data else {}),
    )
    session.update(subscription=subscription["id"], invoice=subscription["latest_invoice"])


def _keep_card(state: State, session: Object, customer: Object, method: Object) -> None:
    setup = state.get("setup_intent", session["setup_intent"])
    setup.update(customer=customer["id"], payment_method=method["id"], status="requires_confirmation")
    setups.confirm(state, setup, confirmed=True)


def expire_session(state: State, session: Object) -> None:
    need_open(session)
    session.update(status="expired", url=None)
    state.emit("checkout.session.expired", session)


def expire(state: State, form: Form, id: str) -> Object:
    session = state.get("checkout.session", id)
    if session["status"] != "open":
        raise refusals.Refusal(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
    expire_session(state, session)
    return session


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("checkout.session", id)


def update(state: State, form: Form, id: str) -> Object:
    session = state.get("checkout.session", id)
    set_metadata(session, form)
    return session


def listed(state: State, form: Form) -> Object:
    found = where(state.all("checkout.session"), form, "customer", "payment_intent", "subscription", "status")
    return page(form, "/v1/checkout/sessions", found)


def list_items(state: State, form: Form, id: str) -> Object:
    lines = state.get("checkout.session", id)["line_items"]["data"]
    return page(
        form, f"/v1/checkout/sessions/{id}/line_items", [present(line) for line in lines], newest_first=False
    )


ROUTES: Routes = {
    "post /v1/checkout/sessions": (create, SessionCreateParams),
    "get /v1/checkout/sessions": (listed, SessionListParams),
    "get /v1/checkout/sessions/*": (retrieve, SessionRetrieveParams),
    "post /v1/checkout/sessions/*": (update, SessionUpdateParams),
    "post /v1/checkout/sessions/*/expire": (expire, SessionExpireParams),
    "get /v1/checkout/sessions/*/line_items": (list_items, SessionLineItemListParams),
}
