"""Setup intents: a card is kept for later, with no charge."""

from typing import Any

from stripe.params import (
    SetupIntentCancelParams,
    SetupIntentConfirmParams,
    SetupIntentCreateParams,
    SetupIntentListParams,
    SetupIntentRetrieveParams,
    SetupIntentUpdateParams,
)

from apps.billing.fake import cards, refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, present, set_metadata, set_texts


def new_setup(state: State, *, customer: str | None, **fields: Any) -> Object:
    id = state.new_id("seti")
    made = state.add(
        "setup_intent",
        "seti",
        **{
            "id": id,
            "client_secret": state.new_id(f"{id}_secret"),
            "cancellation_reason": None,
            "customer": customer,
            "description": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "metadata": {},
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "usage": "off_session",
            **fields,
        },
    )
    state.emit("setup_intent.created", made)
    return made


def confirm(state: State, setup: Object, *, confirmed: bool = False) -> None:
    """Raises Refusal (402) when the card is declined; may leave it `requires_action`."""
    method = state.get("payment_method", setup["payment_method"], "payment_method")
    card = cards.card_of(method)
    if card.asks != "never" and not confirmed:
        url = f"{state.pages}/fake-stripe/authenticate/{setup['id']}"
        action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": None}}
        setup.update(status="requires_action", next_action=action)
        state.emit("setup_intent.requires_action", setup)
        return
    if not card.attaches:
        refusal = cards.decline(card)
        _fail(state, setup, refusal)
        raise refusal
    if setup["customer"]:
        cards.attach(state, method, state.get("customer", setup["customer"]))
    method["_confirmed"] = True
    setup.update(status="succeeded", next_action=None, last_setup_error=None)
    state.emit("setup_intent.succeeded", setup)


def _fail(state: State, setup: Object, refusal: refusals.Refusal) -> None:
    error = refusal.body["error"]
    setup.update(
        status="requires_payment_method", next_action=None, last_setup_error=dict(error), payment_method=None
    )
    error["setup_intent"] = present(setup)
    state.emit("setup_intent.setup_failed", setup)


def authenticate(state: State, setup: Object, *, agreed: bool) -> None:
    if setup["status"] != "requires_action":
        raise refusals.Refusal(
            f"You cannot authenticate this SetupIntent because it has a status of {setup['status']}.",
            code="setup_intent_unexpected_state",
        )
    if agreed:
        confirm(state, setup, confirmed=True)
    else:
        message = "We are unable to authenticate your payment method."
        _fail(state, setup, refusals.card_error(message, "setup_intent_authentication_failure"))


def _set(state: State, setup: Object, form: Form) -> None:
    form.accept("automatic_payment_methods", "payment_method_types", "payment_method_options", "return_url",
                "use_stripe_sdk", "mandate_data", "expand")  # fmt: skip
    set_texts(setup, form, "description", "usage")
    set_metadata(setup, form)
    if customer := form.text("customer"):
        setup["customer"] = state.get("customer", customer, "customer")["id"]
    if word := form.text("payment_method"):
        setup.update(payment_method=cards.method_for(state, word)["id"], status="requires_confirmation")


def create(state: State, form: Form) -> Object:
    setup = new_setup(state, customer=None)
    _set(state, setup, form)
    if form.flag("confirm"):
        confirm(state, setup)
    return setup


def retrieve(state: State, form: Form, id: str) -> Object:
    form.accept("client_secret")
    return state.get("setup_intent", id)


def update(state: State, form: Form, id: str) -> Object:
    setup = state.get("setup_intent", id)
    _set(state, setup, form)
    return setup


def confirm_setup(state: State, form: Form, id: str) -> Object:
    setup = state.get("setup_intent", id)
    _set(state, setup, form)
    if setup["status"] != "requires_confirmation":
        raise refusals.Refusal(
            f"You cannot confirm this SetupIntent because it has a status of {setup['status']}.",
            code="setup_intent_unexpected_state",
        )
    confirm(state, setup)
    return setup


def cancel(state: State, form: Form, id: str) -> Object:
    setup = state.get("setup_intent", id)
    if setup["status"] in ("succeeded", "canceled"):
        raise refusals.Refusal(
            f"You cannot cancel this SetupIntent because it has a status of {setup['status']}."
        )
    setup.update(status="canceled", cancellation_reason=form.text("cancellation_reason"), next_action=None)
    state.emit("setup_intent.canceled", setup)
    return setup


def listed(state: State, form: Form) -> Object:
    return page(
        form, "/v1/setup_intents", where(state.all("setup_intent"), form, "customer", "payment_method")
    )


ROUTES: Routes = {
    "post /v1/setup_intents": (create, SetupIntentCreateParams),
    "get /v1/setup_intents": (listed, SetupIntentListParams),
    "get /v1/setup_intents/*": (retrieve, SetupIntentRetrieveParams),
    "post /v1/setup_intents/*": (update, SetupIntentUpdateParams),
    "post /v1/setup_intents/*/confirm": (confirm_setup, SetupIntentConfirmParams),
    "post /v1/setup_intents/*/cancel": (cancel, SetupIntentCancelParams),
}
