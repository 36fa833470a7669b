"""Test cards as Stripe has them: what becomes of each, and payment methods made of them."""

from dataclasses import dataclass
from typing import Any

from apps.billing.fake import refusals
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, State


@dataclass(frozen=True)
class Card:
    """`attaches`: it can be kept for a customer. `declines`: the code with which each charge fails.

    `asks`: when the bank wants its holder to confirm: `never`, `setup` (once, when it is kept or first used) or
    `always`. `refunds`: `succeeded`, `pending` (done a day later) or `failed` (a day later).
    `disputes`: what its holder does a minute after a charge: `payment`, `inquiry` (no money moves) or nothing.
    """

    name: str
    number: str
    brand: str = "visa"
    attaches: bool = True
    declines: str = ""
    asks: str = "never"
    refunds: str = "succeeded"
    disputes: str = ""


CARDS = (
    Card("visa", "4242424242424242"),
    Card("mastercard", "5555555555554444", brand="mastercard"),
    Card("chargeDeclined", "4000000000000002", attaches=False, declines="generic_decline"),
    Card(
        "chargeDeclinedInsufficientFunds", "4000000000009995", attaches=False, declines="insufficient_funds"
    ),
    Card("chargeDeclinedExpiredCard", "4000000000000069", attaches=False, declines="expired_card"),
    Card("chargeCustomerFail", "4000000000000341", declines="generic_decline"),
    Card("authenticationRequiredOnSetup", "4000002500003155", asks="setup"),
    Card("authenticationRequired", "4000002760003184", asks="always"),
    Card("pendingRefund", "4000000000007726", refunds="pending"),
    Card("refundFail", "4000000000005126", refunds="failed"),
    Card("createDispute", "4000000000000259", disputes="payment"),
    Card("createDisputeInquiry", "4000000000001976", disputes="inquiry"),
)
_BY_NAME = {card.name: card for card in CARDS}
_BY_NUMBER = {card.number: card for card in CARDS}
_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
}


def card_of(method: Object) -> Card:
    return _BY_NAME[method["_card"]]


def card_named(word: str, param: str = "payment_method") -> Card:
    """By number, `pm_card_visa` or `tok_visa`. Raises Refusal for any other word."""
    name = word.removeprefix("pm_card_").removeprefix("tok_")
    card = _BY_NUMBER.get(word.replace(" ", "")) or _BY_NAME.get(name)
    if card is None:
        raise refusals.missing("PaymentMethod", word, param)
    return card


def decline(card: Card, **details: Any) -> refusals.Refusal:
    message = _MESSAGES[card.declines]
    if card.declines == "expired_card":
        return refusals.card_error(message, "expired_card", **details)
    return refusals.card_error(message, "card_declined", card.declines, **details)


def make_method(state: State, card: Card, billing_details: Object | None = None) -> Object:
    details = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
    return state.add(
        "payment_method",
        "pm",
        type="card",
        allow_redisplay="unspecified",
        billing_details={**details, **(billing_details or {})},
        card={
            "brand": card.brand,
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"fp_{card.number[-8:]}",
            "funding": "credit",
            "last4": card.number[-4:],
            "checks": {"cvc_check": "pass", "address_line1_check": None, "address_postal_code_check": None},
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        customer=None,
        metadata={},
        _card=card.name,
        _confirmed=False,
    )


def method_for(state: State, word: str, param: str = "payment_method") -> Object:
    """A payment method by id; a test card's name makes a new one of it, as at Stripe."""
    if (found := state.kind("payment_method").get(word)) is not None:
        return found
    if not word.startswith("pm_card_"):
        raise refusals.missing("PaymentMethod", word, param)
    return make_method(state, card_named(word, param))


def attach(state: State, method: Object, customer: Object) -> None:
    """Raises Refusal: the card is declined, or is somebody else's."""
    if method["customer"] == customer["id"]:
        return
    if method["customer"] is not None:
        raise refusals.Refusal(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_already_attached",
        )
    card = card_of(method)
    if not card.attaches:
        raise decline(card)
    method["customer"] = customer["id"]
    state.emit("payment_method.attached", method)


def detach(state: State, method: Object) -> None:
    customer = state.kind("customer").get(method["customer"] or "")
    with state.changing(method, "payment_method.detached"):
        method["customer"] = None
    settings = customer["invoice_settings"] if customer else {}
    if customer and settings["default_payment_method"] == method["id"]:
        with state.changing(customer):
            customer["invoice_settings"] = {**settings, "default_payment_method": None}


def card_from(form: Form) -> Card:
    given = form.group("card")
    if given is None:
        raise refusals.parameter_missing("card")
    given.accept("exp_month", "exp_year", "cvc")
    return card_named(str(given.text("token") or given.need("number")), "card")
