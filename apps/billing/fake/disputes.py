"""Disputes: begun by two test cards a minute after they were charged, decided by the words of the evidence, as in
Stripe's test mode."""

from stripe.params import DisputeCloseParams, DisputeListParams, DisputeRetrieveParams, DisputeUpdateParams

from apps.billing.fake import cards, refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata

COMES_AFTER = 60
DAYS_TO_ANSWER = 9 * 86_400
FEE = 1500
_OPEN = ("needs_response", "warning_needs_response")
_DECIDED = {"winning_evidence": "won", "losing_evidence": "lost"}


def comes_at(state: State, charge: Object) -> int | None:
    """When the holder of the card disputes what it was charged: never, for most cards."""
    method = state.kind("payment_method").get(charge["payment_method"] or "")
    waits = charge["paid"] and method and cards.card_of(method).disputes and not charge["disputed"]
    return charge["created"] + COMES_AFTER if waits else None


def begin(state: State, charge: Object) -> None:
    disputes = cards.card_of(state.get("payment_method", charge["payment_method"])).disputes
    inquiry = disputes == "inquiry"
    dispute = state.add(
        "dispute",
        "du",
        amount=charge["amount"],
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={"uncategorized_text": None},
        evidence_details={
            "due_by": state.now + DAYS_TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason="fraudulent",
        status="warning_needs_response" if inquiry else "needs_response",
    )
    with state.changing(charge):
        charge["disputed"] = True
    if not inquiry:
        _move(state, dispute, -dispute["amount"], fee=FEE)
    state.emit("charge.dispute.created", dispute)
    if not inquiry:
        state.emit("charge.dispute.funds_withdrawn", dispute)


def _move(state: State, dispute: Object, amount: int, *, fee: int) -> None:
    moved = {
        "id": state.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "created": state.now,
        "currency": dispute["currency"],
        "fee": fee,
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"],
        "type": "adjustment",
    }
    dispute["balance_transactions"] = [*dispute["balance_transactions"], moved]


def _decide(state: State, dispute: Object, outcome: str) -> None:
    if dispute["status"].startswith("warning"):
        outcome = "warning_closed"
    dispute["status"] = outcome
    if outcome == "won":
        _move(state, dispute, dispute["amount"], fee=0)
        state.emit("charge.dispute.funds_reinstated", dispute)
    state.emit("charge.dispute.closed", dispute)


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("dispute", id)


def listed(state: State, form: Form) -> Object:
    return page(form, "/v1/disputes", where(state.all("dispute"), form, "charge", "payment_intent"))


def update(state: State, form: Form, id: str) -> Object:
    dispute = _open(state, id)
    evidence, submits = form.group("evidence"), form.flag("submit", default=True)
    text = evidence.text("uncategorized_text") if evidence else None
    with state.changing(dispute, "charge.dispute.updated"):
        set_metadata(dispute, form)
        if text:
            dispute["evidence"] = {"uncategorized_text": text}
        if text and submits:
            sent = {"has_evidence": True, "submission_count": 1, "submission_method": "manual"}
            dispute["evidence_details"] = {**dispute["evidence_details"], **sent}
            dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    if submits and text in _DECIDED:
        _decide(state, dispute, _DECIDED[text])
    return dispute


def close(state: State, form: Form, id: str) -> Object:
    """The dispute is accepted, and so lost."""
    dispute = _open(state, id)
    _decide(state, dispute, "lost")
    return dispute


def _open(state: State, id: str) -> Object:
    dispute = state.get("dispute", id)
    if dispute["status"] not in _OPEN:
        raise refusals.Refusal(f"This dispute is already {dispute['status']}.", param="dispute")
    return dispute


ROUTES: Routes = {
    "get /v1/disputes": (listed, DisputeListParams),
    "get /v1/disputes/*": (retrieve, DisputeRetrieveParams),
    "post /v1/disputes/*": (update, DisputeUpdateParams),
    "post /v1/disputes/*/close": (close, DisputeCloseParams),
}
