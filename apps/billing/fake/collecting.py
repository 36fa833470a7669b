"""From a draft to a paid invoice: made final, charged, tried again, void."""

from apps.billing.fake import credits, cycles, payments, refusals, tax
from apps.billing.fake.customers import change_balance
from apps.billing.fake.invoice_lines import recount, subscription_of
from apps.billing.fake.state import Object, State, a_list, present

DAY = 86_400


def finalize(state: State, invoice: Object) -> None:
    """Numbers it and asks for payment. Raises Refusal where it is no draft, or tax can't be worked out."""
    if invoice["status"] != "draft":
        raise refusals.Refusal(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    customer = state.get("customer", invoice["customer"])
    if invoice["automatic_tax"]["enabled"]:
        tax.need_location(customer)
    recount(state, invoice, final=True)
    _settle_balance(state, invoice, customer)
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    page = f"{state.pages}/fake-stripe/invoice/{invoice['id']}"
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=state.now,
        hosted_invoice_url=page,
        invoice_pdf=page,
        automatically_finalizes_at=None,
        last_finalization_error=None,
        status_transitions={**invoice["status_transitions"], "finalized_at": state.now},
    )
    if invoice["amount_due"]:
        _ask(state, invoice)
    state.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        mark_paid(state, invoice)


def finalize_unasked(state: State, invoice: Object) -> None:
    """When its time has come. What keeps it from becoming final is told by an event."""
    try:
        finalize(state, invoice)
    except refusals.Refusal as refusal:
        invoice.update(automatically_finalizes_at=None, last_finalization_error=refusal.body["error"])
        recount(state, invoice)
        state.emit("invoice.finalization_failed", invoice)
        return
    charge_unasked(state, invoice)


def _settle_balance(state: State, invoice: Object, customer: Object) -> None:
    """The customer's balance joins in; what is too little to charge waits there for the next invoice."""
    before, total = customer["balance"], invoice["total"]
    due = before + total
    chargeable = due >= state.rules.minimum_charge
    after = 0 if chargeable else due
    if after != before:
        change_balance(state, customer, after - before, "applied_to_invoice", invoice=invoice["id"])
    amount = due if chargeable else 0
    invoice.update(starting_balance=before, ending_balance=after, amount_due=amount, amount_remaining=amount)


def _ask(state: State, invoice: Object) -> None:
    intent = payments.new_intent(
        state,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=f"Payment for Invoice {invoice['number']}",
        _invoice=invoice["id"],
    )
    payment = state.add(
        "invoice_payment",
        "inpay",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    invoice["payments"] = a_list(invoice["payments"]["url"], [present(payment)])
    invoice["confirmation_secret"] = {"type": "payment_intent", "client_secret": intent["client_secret"]}


def intent_of(state: State, invoice: Object) -> Object | None:
    found = invoice["payments"]["data"]
    return state.get("payment_intent", found[0]["payment"]["payment_intent"]) if found else None


def default_method(state: State, invoice: Object) -> str | None:
    subscription = state.kind("subscription").get(subscription_of(invoice) or "")
    customer = state.get("customer", invoice["customer"])
    found: str | None = (
        invoice["default_payment_method"]
        or (subscription and subscription["default_payment_method"])
        or customer["invoice_settings"]["default_payment_method"]
    )
    return found


def charge_unasked(state: State, invoice: Object) -> None:
    """An automatic attempt: the first, or one after a failure."""
    if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
        return
    invoice["next_payment_attempt"] = None
    invoice["_automatic_attempts"] += 1
    try:
        pay(state, invoice)
    except refusals.Refusal as refusal:
        if refusal.status != 402:  # no card at all: it fails as a declined one does
            _failed(state, invoice)


def pay(state: State, invoice: Object, method: str | None = None, *, confirmed: bool = False) -> None:
    """Raises Refusal: the card is declined (402), or there is none (400)."""
    intent, chosen = intent_of(state, invoice), method or default_method(state, invoice)
    assert intent is not None, "an open invoice asks for payment"
    if chosen is None:
        raise refusals.Refusal(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set either prior to "
            "payment.",
            code="resource_missing",
        )
    intent["payment_method"] = chosen
    try:
        payments.confirm(state, intent, off_session=False, confirmed=confirmed)
    except refusals.Refusal:
        _failed(state, invoice)
        raise
    if intent["status"] == "requires_action":
        state.emit("invoice.payment_action_required", invoice)
        _failed(state, invoice)


def _failed(state: State, invoice: Object) -> None:
    first = invoice["_first_attempt"] or state.now
    next_attempt, tried = None, invoice["_automatic_attempts"]
    tries_again = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if tried and tries_again and invoice["billing_reason"] != "subscription_create":
        days = state.rules.retry_days[tried - 1 : tried]
        next_attempt = first + days[0] * DAY if days else None
    with state.changing(invoice):
        invoice.update(
            attempted=True,
            attempt_count=invoice["attempt_count"] + 1,
            next_payment_attempt=next_attempt,
            _first_attempt=first,
        )
    state.emit("invoice.payment_failed", invoice)
    cycles.invoice_failed(state, invoice, last=tried > len(state.rules.retry_days))


def mark_paid(state: State, invoice: Object, *, out_of_band: bool = False) -> None:
    if invoice["status"] == "paid":
        return
    charged = 0 if out_of_band else invoice["amount_due"]
    for payment in invoice["payments"]["data"]:
        stored = state.get("invoice_payment", payment["id"])
        moved = {**stored["status_transitions"], "canceled_at" if out_of_band else "paid_at": state.now}
        stored.update(
            status="canceled" if out_of_band else "paid",
            amount_paid=charged or None,
            status_transitions=moved,
        )
        payment.update(present(stored))
        if not out_of_band:
            state.emit("invoice_payment.paid", stored)
    if out_of_band:
        _cancel_intent(state, invoice, "void_invoice")
    with state.changing(invoice):
        invoice.update(
            status="paid",
            attempted=True,
            attempt_count=invoice["attempt_count"] + (1 if charged else 0),
            amount_paid=invoice["amount_due"],
            amount_paid_off_stripe=invoice["amount_due"] - charged,
            amount_remaining=0,
            next_payment_attempt=None,
            status_transitions={**invoice["status_transitions"], "paid_at": state.now},
        )
    state.emit("invoice.paid", invoice)
    state.emit("invoice.payment_succeeded", invoice)
    cycles.invoice_settled(state, invoice)


def _cancel_intent(state: State, invoice: Object, reason: str) -> None:
    intent = intent_of(state, invoice)
    if intent and intent["status"] not in ("succeeded", "canceled"):
        payments.cancel_intent(state, intent, reason)


def void(state: State, invoice: Object) -> None:
    if invoice["status"] not in ("open", "uncollectible"):
        raise refusals.Refusal(
            f"You can only pass in open or uncollectible invoices. This invoice is {invoice['status']}.",
            code="invoice_not_editable",
        )
    _cancel_intent(state, invoice, "void_invoice")
    credits.give_back(state, invoice)
    customer, moved = (
        state.get("customer", invoice["customer"]),
        invoice["starting_balance"] - invoice["ending_balance"],
    )
    if moved:
        change_balance(state, customer, moved, "unapplied_from_invoice", invoice=invoice["id"])
    transitions = {**invoice["status_transitions"], "voided_at": state.now}
    invoice.update(
        status="void", next_payment_attempt=None, auto_advance=False, status_transitions=transitions
    )
    state.emit("invoice.voided", invoice)
    cycles.invoice_settled(state, invoice)


def write_off(state: State, invoice: Object) -> None:
    if invoice["status"] != "open":
        raise refusals.Refusal(
            f"You can only mark open invoices as uncollectible. This invoice is {invoice['status']}.",
            code="invoice_not_editable",
        )
    transitions = {**invoice["status_transitions"], "marked_uncollectible_at": state.now}
    invoice.update(
        status="uncollectible", next_payment_attempt=None, auto_advance=False, status_transitions=transitions
    )
    state.emit("invoice.marked_uncollectible", invoice)
    cycles.invoice_settled(state, invoice)
