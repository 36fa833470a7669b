"""Refunds: done at once, pending for a day, or failed a day later, as the card of the charge has it."""

from stripe.params import (
    RefundCancelParams,
    RefundCreateParams,
    RefundListParams,
    RefundRetrieveParams,
    RefundUpdateParams,
)

from apps.billing.fake import cards, refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, present, set_metadata

SETTLES_AFTER = 86_400


def create(state: State, form: Form) -> Object:
    charge = _charge(state, form)
    left = charge["amount"] - charge["amount_refunded"]
    amount = form.integer("amount")
    if charge["refunded"]:
        raise refusals.Refusal(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = left if amount is None else amount
    if amount <= 0:
        raise refusals.parameter_invalid("amount", "it must be greater than 0")
    if amount > left:
        raise refusals.Refusal(
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})",
            param="amount",
        )
    outcome = cards.card_of(state.get("payment_method", charge["payment_method"])).refunds
    refund = state.add(
        "refund",
        "re",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={"type": "card", "card": {"type": "refund", "reference_status": "pending"}},
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=form.text("reason"),
        receipt_number=None,
        status="pending" if outcome == "pending" else "succeeded",
        _settles_at=None if outcome == "succeeded" else state.now + SETTLES_AFTER,
        _becomes=outcome,
    )
    set_metadata(refund, form)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    charge["refunds"]["data"].insert(0, present(refund))
    state.emit("refund.created", refund)
    state.emit("charge.refunded", charge)
    return refund


def _charge(state: State, form: Form) -> Object:
    if id := form.text("charge"):
        charge = state.get("charge", id, "charge")
    else:
        intent = state.get("payment_intent", form.need("payment_intent"), "payment_intent")
        if intent["status"] != "succeeded":
            raise refusals.Refusal(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
            )
        charge = state.get("charge", intent["latest_charge"])
    if not charge["paid"]:
        raise refusals.Refusal(f"Charge {charge['id']} was not successful, so it cannot be refunded.")
    return charge


def settle(state: State, refund: Object) -> None:
    """A day later, for those that were not done at once."""
    refund["_settles_at"] = None
    if refund["_becomes"] == "pending":
        with state.changing(refund):
            refund["status"] = "succeeded"
        _show_in_charge(state, refund)
        return
    charge = state.get("charge", refund["charge"])
    with state.changing(charge):
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
    with state.changing(refund):
        refund.update(status="failed", failure_reason="unknown")
    _show_in_charge(state, refund)
    state.emit("refund.failed", refund)


def _show_in_charge(state: State, refund: Object) -> None:
    held = state.get("charge", refund["charge"])["refunds"]
    held["data"] = [present(refund) if each["id"] == refund["id"] else each for each in held["data"]]


def cancel(state: State, form: Form, id: str) -> Object:
    refund = state.get("refund", id)
    if refund["status"] != "requires_action":  # only refunds that ask the customer for a bank account can be
        raise refusals.Refusal(
            f"Refund {id} cannot be canceled because it has a status of {refund['status']}."
        )
    return refund


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("refund", id)


def update(state: State, form: Form, id: str) -> Object:
    refund = state.get("refund", id)
    with state.changing(refund):
        set_metadata(refund, form)
    return refund


def listed(state: State, form: Form) -> Object:
    return page(form, "/v1/refunds", where(state.all("refund"), form, "charge", "payment_intent"))


ROUTES: Routes = {
    "post /v1/refunds": (create, RefundCreateParams),
    "get /v1/refunds": (listed, RefundListParams),
    "get /v1/refunds/*": (retrieve, RefundRetrieveParams),
    "post /v1/refunds/*": (update, RefundUpdateParams),
    "post /v1/refunds/*/cancel": (cancel, RefundCancelParams),
}
