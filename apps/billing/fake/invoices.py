"""Invoices: made by hand, looked up, made final, paid, previewed."""

from stripe.params import (
    InvoiceCreateParams,
    InvoiceCreatePreviewParams,
    InvoiceDeleteParams,
    InvoiceFinalizeInvoiceParams,
    InvoiceLineItemListParams,
    InvoiceListParams,
    InvoiceMarkUncollectibleParams,
    InvoicePaymentListParams,
    InvoicePaymentRetrieveParams,
    InvoicePayParams,
    InvoiceRetrieveParams,
    InvoiceSendInvoiceParams,
    InvoiceUpdateParams,
    InvoiceVoidInvoiceParams,
)

from apps.billing.fake import cards, changing, collecting, cycles, refusals
from apps.billing.fake.beginning import start
from apps.billing.fake.catalog import cents, price_for
from apps.billing.fake.invoice_lines import (
    add_line,
    for_subscription,
    new_invoice,
    recount,
    subscription_of,
    take_pending,
)
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata, set_texts

DAY = 86_400


def create(state: State, form: Form) -> Object:
    form.accept("payment_settings", "rendering", "footer", "custom_fields", "expand")
    subscription = state.maybe("subscription", form.text("subscription"), "subscription")
    if subscription:
        invoice = for_subscription(state, subscription, reason="manual")
    else:
        customer = state.get("customer", form.need("customer"), "customer")
        invoice = new_invoice(state, customer, reason="manual")
    form.accept("customer")
    invoice["currency"] = str(form.text("currency") or invoice["currency"]).lower()
    _set(state, invoice, form)
    invoice["auto_advance"] = form.flag("auto_advance")
    if form.text("pending_invoice_items_behavior") == "include" or (
        subscription and "pending_invoice_items_behavior" not in form
    ):
        take_pending(state, invoice, subscription["id"] if subscription else None)
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = state.now + state.rules.draft_seconds
    recount(state, invoice)
    state.emit("invoice.created", invoice)
    return invoice


def _set(state: State, invoice: Object, form: Form) -> None:
    set_texts(invoice, form, "description", "footer", "statement_descriptor")
    set_metadata(invoice, form)
    if automatic := form.group("automatic_tax"):
        invoice["automatic_tax"] = {**invoice["automatic_tax"], "enabled": automatic.flag("enabled")}
    if method := form.text("default_payment_method"):
        invoice["default_payment_method"] = state.get("payment_method", method, "default_payment_method")[
            "id"
        ]
    if collection := form.text("collection_method"):
        invoice["collection_method"] = collection
    days, due = form.integer("days_until_due"), form.integer("due_date")
    if invoice["collection_method"] == "send_invoice":
        if days is None and due is None and invoice["due_date"] is None:
            raise refusals.parameter_missing("days_until_due")
        invoice["due_date"] = due or (invoice["due_date"] if days is None else state.now + days * DAY)
    elif days is not None or due is not None:
        raise refusals.Refusal(
            "You can only set a due date if collection_method is send_invoice.", param="days_until_due"
        )


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("invoice", id)


def update(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    form.accept("payment_settings", "rendering", "expand")
    editable = {"metadata", "auto_advance", "default_payment_method", "expand"}
    if invoice["status"] != "draft" and any(
        name not in editable for name in InvoiceUpdateParams.__annotations__ if name in form
    ):
        raise refusals.Refusal(
            "Finalized invoices can't be updated in this way.", code="invoice_not_editable"
        )
    with state.changing(invoice):
        _set(state, invoice, form)
        invoice["auto_advance"] = form.flag("auto_advance", invoice["auto_advance"])
        if invoice["status"] == "draft":
            at = invoice["automatically_finalizes_at"] or state.now + state.rules.draft_seconds
            invoice["automatically_finalizes_at"] = at if invoice["auto_advance"] else None
            recount(state, invoice)
    return invoice


def delete(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    if invoice["status"] != "draft" or subscription_of(invoice):
        raise refusals.Refusal(
            "You can only delete draft invoices that belong to no subscription.", code="invoice_not_editable"
        )
    for item in state.all("invoiceitem"):
        if item["invoice"] == id:
            state.remove(item)
    state.remove(invoice)
    state.emit("invoice.deleted", invoice)
    return {"id": id, "object": "invoice", "deleted": True}


def listed(state: State, form: Form) -> Object:
    found = where(state.all("invoice"), form, "customer", "status", "collection_method")
    if subscription := form.text("subscription"):
        found = [invoice for invoice in found if subscription_of(invoice) == subscription]
    return page(form, "/v1/invoices", found)


def list_lines(state: State, form: Form, id: str) -> Object:
    return page(
        form, f"/v1/invoices/{id}/lines", state.get("invoice", id)["lines"]["data"], newest_first=False
    )


def finalize(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    collecting.finalize(state, invoice)
    invoice["auto_advance"] = form.flag("auto_advance", invoice["auto_advance"])
    if invoice["auto_advance"] and invoice["status"] == "open":
        collecting.charge_unasked(state, invoice)
    return invoice


def pay(state: State, form: Form, id: str) -> Object:
    form.accept("off_session")
    invoice = state.get("invoice", id)
    if invoice["status"] == "draft":
        collecting.finalize(state, invoice)
        if invoice["status"] == "paid":
            return invoice
    if invoice["status"] == "paid":
        raise refusals.Refusal("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "void":
        raise refusals.Refusal("This invoice can no longer be paid.", code="invoice_not_editable")
    if form.flag("paid_out_of_band"):
        collecting.mark_paid(state, invoice, out_of_band=True)
        return invoice
    method = form.text("payment_method")
    collecting.pay(state, invoice, cards.method_for(state, method)["id"] if method else None)
    return invoice


def void(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    collecting.void(state, invoice)
    return invoice


def mark_uncollectible(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    collecting.write_off(state, invoice)
    return invoice


def send(state: State, form: Form, id: str) -> Object:
    invoice = state.get("invoice", id)
    if invoice["collection_method"] != "send_invoice":
        raise refusals.Refusal(
            "You can only manually send an invoice if its collection method is 'send_invoice'."
        )
    if invoice["status"] == "draft":
        collecting.finalize(state, invoice)
    state.emit("invoice.sent", invoice)
    return invoice


def preview(state: State, form: Form) -> Object:
    """What the next invoice would be, now or after a change. Nothing of it stays."""
    state.discarded = True
    form.accept("expand", "currency")
    subscription = state.maybe("subscription", form.text("subscription"), "subscription")
    details = form.group("subscription_details")
    customer = state.maybe(
        "customer", form.text("customer") or (subscription or {}).get("customer"), "customer"
    )
    if customer is None:
        raise refusals.parameter_missing("customer")
    invoice = None
    if subscription:
        if details:
            before = subscription["latest_invoice"]
            changing.update(state, details, subscription["id"])
            if subscription["latest_invoice"] != before:
                invoice = state.get("invoice", subscription["latest_invoice"])
        invoice = invoice or _upcoming(state, subscription)
    elif details:
        items = [
            (price_for(state, item), item.integer("quantity"), item.mapping("metadata"))
            for item in details.groups("items")
        ]
        trial_end = changing.trial_end_from(state, details)
        made = start(state, customer, items, trial_end=trial_end, behavior="default_incomplete")
        invoice = state.get("invoice", made["latest_invoice"])
    else:
        invoice = new_invoice(state, customer, reason="upcoming")
        take_pending(state, invoice, None)
    for item in form.groups("invoice_items"):
        _add_previewed(state, invoice, item)
    if automatic := form.group("automatic_tax"):
        invoice["automatic_tax"] = {**invoice["automatic_tax"], "enabled": automatic.flag("enabled")}
    if invoice["status"] == "draft":
        recount(state, invoice)
    invoice.update(id=f"upcoming_{invoice['id']}", status="draft", number=None)
    return invoice


def _upcoming(state: State, subscription: Object) -> Object:
    period = cycles.period_of(subscription)
    if subscription["status"] in cycles.OVER or (subscription["cancel_at"] or period[1] + 1) <= period[1]:
        raise refusals.Refusal(
            f"No upcoming invoices for customer: {subscription['customer']}",
            status=404,
            code="invoice_upcoming_none",
        )
    state.now = period[1]
    invoice = for_subscription(state, subscription, reason="upcoming")
    if subscription["status"] == "trialing":
        subscription["billing_cycle_anchor"] = state.now
    cycles.set_period(subscription, state.now, cycles.end_after(subscription, state.now))
    cycles.fill(state, invoice, subscription, None if subscription["status"] == "trialing" else period)
    return invoice


def _add_previewed(state: State, invoice: Object, item: Form) -> None:
    price = price_for(state, item) if "price" in item or "price_data" in item else None
    quantity = item.integer("quantity") or 1
    amount = cents(price, quantity) if price else item.need("amount")
    item.accept("currency")
    add_line(
        state,
        invoice,
        amount=amount,
        description=item.text("description"),
        period=(state.now, state.now),
        price=price,
        quantity=quantity,
    )


def list_payments(state: State, form: Form) -> Object:
    found = where(state.all("invoice_payment"), form, "invoice", "status")
    if payment := form.group("payment"):
        payment.accept("type")
        intent = payment.text("payment_intent")
        found = [each for each in found if each["payment"]["payment_intent"] == intent]
    return page(form, "/v1/invoice_payments", found)


def retrieve_payment(state: State, form: Form, id: str) -> Object:
    return state.get("invoice_payment", id)


ROUTES: Routes = {
    "post /v1/invoices": (create, InvoiceCreateParams),
    "get /v1/invoices": (listed, InvoiceListParams),
    "post /v1/invoices/create_preview": (preview, InvoiceCreatePreviewParams),
    "get /v1/invoices/*": (retrieve, InvoiceRetrieveParams),
    "post /v1/invoices/*": (update, InvoiceUpdateParams),
    "delete /v1/invoices/*": (delete, InvoiceDeleteParams),
    "get /v1/invoices/*/lines": (list_lines, InvoiceLineItemListParams),
    "post /v1/invoices/*/finalize": (finalize, InvoiceFinalizeInvoiceParams),
    "post /v1/invoices/*/pay": (pay, InvoicePayParams),
    "post /v1/invoices/*/void": (void, InvoiceVoidInvoiceParams),
    "post /v1/invoices/*/mark_uncollectible": (mark_uncollectible, InvoiceMarkUncollectibleParams),
    "post /v1/invoices/*/send": (send, InvoiceSendInvoiceParams),
    "get /v1/invoice_payments": (list_payments, InvoicePaymentListParams),
    "get /v1/invoice_payments/*": (retrieve_payment, InvoicePaymentRetrieveParams),
}
