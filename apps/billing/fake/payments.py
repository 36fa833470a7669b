"""Payment intents and the charges they make."""

from typing import Any

from stripe.params import (
    ChargeListParams,
    ChargeRetrieveParams,
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    PaymentIntentUpdateParams,
)

from apps.billing.fake import cards, refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, a_list, present, set_metadata, set_texts

# What changes nothing here: how a page looks, and methods of payment other than cards.
_ACCEPTED = (
    "automatic_payment_methods",
    "payment_method_types",
    "payment_method_options",
    "use_stripe_sdk",
    "mandate_data",
    "expand",
)


def new_intent(
    state: State, *, amount: int, currency: str, customer: str | None, announce: bool = True, **fields: Any
) -> Object:
    if amount < state.rules.minimum_charge:
        raise refusals.Refusal(
            f"Amount must be at least ${state.rules.minimum_charge / 100:.2f} {currency}",
            code="amount_too_small",
            param="amount",
        )
    id = state.new_id("pi")
    made = state.add(
        "payment_intent",
        "pi",
        **{
            "id": id,
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "amount_details": {"tip": {}},
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "currency": currency,
            "client_secret": state.new_id(f"{id}_secret"),
            "customer": customer,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": {},
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "receipt_email": None,
            "setup_future_usage": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "_off_session": False,
            "_confirmed": False,
            **fields,
        },
    )
    if announce:
        state.emit("payment_intent.created", made)
    return made


def confirm(
    state: State, intent: Object, *, off_session: bool, confirmed: bool = False, return_url: str | None = None
) -> None:
    """Try to charge. Raises Refusal (402) when the card is declined; may leave the intent `requires_action`.

    `confirmed`: the card's holder has just said yes to the bank.
    """
    method = state.get("payment_method", intent["payment_method"], "payment_method")
    card = cards.card_of(method)
    intent["_off_session"] = off_session
    settled = confirmed or (card.asks == "setup" and method["_confirmed"])
    if card.asks != "never" and not settled:
        if off_session:
            message = "Your card was declined. This transaction requires authentication."
            refusal = refusals.card_error(message, "authentication_required", "authentication_required")
            _decline(state, intent, method, refusal)
            raise refusal
        intent.update(
            status="requires_action",
            last_payment_error=None,
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "url": f"{state.pages}/fake-stripe/authenticate/{intent['id']}",
                    "return_url": return_url,
                },
            },
        )
        state.emit("payment_intent.requires_action", intent)
        return
    if card.declines:
        refusal = cards.decline(card)
        _decline(state, intent, method, refusal)
        raise refusal
    if confirmed or card.asks == "never":
        method["_confirmed"] = True
    charge = _new_charge(state, intent, method)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )
    state.emit("charge.succeeded", charge)
    if intent["setup_future_usage"] and intent["customer"] and not method["customer"]:
        cards.attach(state, method, state.get("customer", intent["customer"]))
    state.emit("payment_intent.succeeded", intent)
    if invoice_id := intent.get("_invoice"):
        from apps.billing.fake import collecting

        collecting.mark_paid(state, state.get("invoice", invoice_id))


def authenticate(state: State, intent: Object, *, agreed: bool) -> None:
    """The bank has asked the card's holder. Raises Refusal where it did not ask, and when the card is declined."""
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "authenticate")
    if agreed:
        confirm(state, intent, off_session=False, confirmed=True)
        return
    method = state.get("payment_method", intent["payment_method"])
    message = (
        "We are unable to authenticate your payment method. Please choose a different one and try again."
    )
    _decline(state, intent, method, refusals.card_error(message, "payment_intent_authentication_failure"))


def _decline(state: State, intent: Object, method: Object, refusal: refusals.Refusal) -> None:
    """The intent as it is after a failed attempt; the error carries it, as at Stripe."""
    error = refusal.body["error"]
    charge = _new_charge(state, intent, method, error)
    error["charge"] = charge["id"]
    intent.update(
        status="requires_payment_method",
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error={**error, "payment_method": present(method)},
        payment_method=None,
    )
    error["payment_intent"] = present(intent)
    error["payment_method"] = present(method)
    state.emit("charge.failed", charge)
    state.emit("payment_intent.payment_failed", intent)


def _new_charge(state: State, intent: Object, method: Object, error: Object | None = None) -> Object:
    id = state.new_id("ch")
    paid = error is None
    return state.add(
        "charge",
        "ch",
        id=id,
        amount=intent["amount"],
        amount_captured=intent["amount"] if paid else 0,
        amount_refunded=0,
        balance_transaction=None,
        billing_details=method["billing_details"],
        captured=paid,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=error["code"] if error else None,
        failure_message=error["message"] if error else None,
        metadata=dict(intent["metadata"]),
        outcome={
            "network_status": "approved_by_network" if paid else "declined_by_network",
            "reason": None if error is None else error.get("decline_code", error["code"]),
            "risk_level": "normal",
            "seller_message": "Payment complete." if paid else "The bank did not return any further details.",
            "type": "authorized" if paid else "issuer_declined",
        },
        paid=paid,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": method["card"]},
        receipt_email=intent["receipt_email"],
        receipt_url=None,
        refunded=False,
        refunds=a_list(f"/v1/charges/{id}/refunds", []),
        status="succeeded" if paid else "failed",
    )


def _unexpected(intent: Object, verb: str) -> refusals.Refusal:
    return refusals.Refusal(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=present(intent),
    )


def _set(state: State, intent: Object, form: Form) -> None:
    form.accept(*_ACCEPTED)
    set_texts(
        intent, form, "description", "receipt_email", "setup_future_usage", "statement_descriptor",
        "statement_descriptor_suffix",
    )  # fmt: skip
    set_metadata(intent, form)
    if customer := form.text("customer"):
        intent["customer"] = state.get("customer", customer, "customer")["id"]
    if word := form.text("payment_method"):
        method = cards.method_for(state, word)
        if method["customer"] not in (None, intent["customer"]):
            raise refusals.Refusal(
                "The provided PaymentMethod cannot be used with this customer: it belongs to another one.",
                param="payment_method",
            )
        intent.update(payment_method=method["id"], status="requires_confirmation")


def create(state: State, form: Form) -> Object:
    intent = new_intent(
        state,
        amount=form.need("amount"),
        currency=str(form.need("currency")).lower(),
        customer=None,
        announce=False,
    )
    if form.text("capture_method") == "manual":
        raise refusals.parameter_unsupported("capture_method")
    _set(state, intent, form)
    state.emit("payment_intent.created", intent)
    if form.flag("confirm"):
        _confirm(state, intent, form)
    elif "off_session" in form:
        raise refusals.Refusal("You can only set off_session when confirm is true.", param="off_session")
    return intent


def _confirm(state: State, intent: Object, form: Form) -> None:
    off_session = form.value("off_session") in (True, "one_off", "recurring")
    if intent["payment_method"] is None:
        raise refusals.Refusal(
            "You cannot confirm this PaymentIntent because it's missing a payment method. Update it with a "
            "payment method and then confirm it again.",
            code="payment_intent_unexpected_state",
        )
    if off_session and state.get("payment_method", intent["payment_method"])["customer"] is None:
        raise refusals.Refusal(
            "You cannot set off_session with a payment method that is not attached to a customer.",
            param="off_session",
        )
    confirm(state, intent, off_session=off_session, return_url=form.text("return_url"))
    if intent["status"] == "requires_action" and form.flag("error_on_requires_action"):
        raise refusals.card_error(
            "This payment required an authentication action to complete, but `error_on_requires_action` was set.",
            "authentication_required",
            payment_intent=present(intent),
        )


def retrieve(state: State, form: Form, id: str) -> Object:
    form.accept("client_secret")
    return state.get("payment_intent", id)


def update(state: State, form: Form, id: str) -> Object:
    intent = state.get("payment_intent", id)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected(intent, "update")
    if amount := form.integer("amount"):
        intent["amount"] = amount
    _set(state, intent, form)
    return intent


def confirm_intent(state: State, form: Form, id: str) -> Object:
    intent = state.get("payment_intent", id)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected(intent, "confirm")
    _set(state, intent, form)
    _confirm(state, intent, form)
    return intent


def cancel_intent(state: State, intent: Object, reason: str | None) -> None:
    intent.update(status="canceled", canceled_at=state.now, cancellation_reason=reason, next_action=None)
    state.emit("payment_intent.canceled", intent)


def cancel(state: State, form: Form, id: str) -> Object:
    intent = state.get("payment_intent", id)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected(intent, "cancel")
    cancel_intent(state, intent, form.text("cancellation_reason"))
    return intent


def listed(state: State, form: Form) -> Object:
    return page(form, "/v1/payment_intents", where(state.all("payment_intent"), form, "customer"))


def retrieve_charge(state: State, form: Form, id: str) -> Object:
    return state.get("charge", id)


def list_charges(state: State, form: Form) -> Object:
    return page(form, "/v1/charges", where(state.all("charge"), form, "customer", "payment_intent"))


ROUTES: Routes = {
    "post /v1/payment_intents": (create, PaymentIntentCreateParams),
    "get /v1/payment_intents": (listed, PaymentIntentListParams),
    "get /v1/payment_intents/*": (retrieve, PaymentIntentRetrieveParams),
    "post /v1/payment_intents/*": (update, PaymentIntentUpdateParams),
    "post /v1/payment_intents/*/confirm": (confirm_intent, PaymentIntentConfirmParams),
    "post /v1/payment_intents/*/cancel": (cancel, PaymentIntentCancelParams),
    "get /v1/charges": (list_charges, ChargeListParams),
    "get /v1/charges/*": (retrieve_charge, ChargeRetrieveParams),
}
