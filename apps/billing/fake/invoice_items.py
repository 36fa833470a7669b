"""Items that wait for a customer's next invoice, or are put on a draft."""

from typing import Any

from stripe.params import (
    InvoiceItemCreateParams,
    InvoiceItemDeleteParams,
    InvoiceItemListParams,
    InvoiceItemRetrieveParams,
    InvoiceItemUpdateParams,
)

from apps.billing.fake import refusals
from apps.billing.fake.catalog import cents, price_for
from apps.billing.fake.invoice_lines import recount, take_item
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata, set_texts


def new_item(state: State, *, customer: str, amount: int, description: str | None, **fields: Any) -> Object:
    return state.add(
        "invoiceitem",
        "ii",
        **{
            "amount": amount,
            "currency": "usd",
            "customer": customer,
            "date": state.now,
            "description": description,
            "discountable": False,
            "discounts": [],
            "invoice": None,
            "metadata": {},
            "net_amount": amount,
            "parent": None,
            "period": {"start": state.now, "end": state.now},
            "pricing": None,
            "proration": False,
            "quantity": 1,
            "quantity_decimal": "1",
            "tax_rates": [],
            **fields,
        },
    )


def create(state: State, form: Form) -> Object:
    form.accept("discountable", "tax_behavior", "tax_code")
    customer = state.get("customer", form.need("customer"), "customer")
    invoice = state.maybe("invoice", form.text("invoice"), "invoice")
    _need_draft(invoice)
    quantity, pricing, price = form.integer("quantity") or 1, form.group("pricing"), None
    if pricing or "price_data" in form:
        price = price_for(state, pricing or form)
        amount = cents(price, quantity)
    else:
        amount = form.need("amount")
    item = new_item(
        state,
        customer=customer["id"],
        amount=amount,
        description=form.text("description") or _name(state, price),
        currency=str(form.text("currency") or (price or {}).get("currency", "usd")).lower(),
        quantity=quantity,
        quantity_decimal=str(quantity),
    )
    if price:
        item["pricing"] = {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    if period := form.group("period"):
        item["period"] = period.plain()
    if subscription := state.maybe("subscription", form.text("subscription"), "subscription"):
        details = {"subscription": subscription["id"], "subscription_item": None}
        item["parent"] = {"type": "subscription_details", "subscription_details": details}
    set_metadata(item, form)
    state.emit("invoiceitem.created", item)
    if invoice:
        take_item(state, invoice, item)
        _recount(state, invoice)
    return item


def _name(state: State, price: Object | None) -> str | None:
    return str(state.get("product", price["product"])["name"]) if price else None


def _need_draft(invoice: Object | None) -> None:
    if invoice and invoice["status"] != "draft":
        raise refusals.Refusal(
            "This invoice is no longer editable.", code="invoice_not_editable", param="invoice"
        )


def _recount(state: State, invoice: Object) -> None:
    with state.changing(invoice):
        recount(state, invoice)


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("invoiceitem", id)


def update(state: State, form: Form, id: str) -> Object:
    item = state.get("invoiceitem", id)
    invoice = state.maybe("invoice", item["invoice"])
    _need_draft(invoice)
    set_texts(item, form, "description")
    set_metadata(item, form)
    if (amount := form.integer("amount")) is not None:
        item.update(amount=amount, net_amount=amount)
    for line in invoice["lines"]["data"] if invoice else []:
        if (line["parent"].get("invoice_item_details") or {}).get("invoice_item") == id:
            line.update(amount=item["amount"], subtotal=item["amount"], description=item["description"])
    if invoice:
        _recount(state, invoice)
    return item


def delete(state: State, form: Form, id: str) -> Object:
    item = state.get("invoiceitem", id)
    invoice = state.maybe("invoice", item["invoice"])
    _need_draft(invoice)
    if invoice:
        held = invoice["lines"]
        held["data"] = [
            line
            for line in held["data"]
            if (line["parent"].get("invoice_item_details") or {}).get("invoice_item") != id
        ]
        _recount(state, invoice)
    state.remove(item)
    state.emit("invoiceitem.deleted", item)
    return {"id": id, "object": "invoiceitem", "deleted": True}


def listed(state: State, form: Form) -> Object:
    found = where(state.all("invoiceitem"), form, "customer", "invoice")
    if "pending" in form:
        pending = form.flag("pending")
        found = [item for item in found if (item["invoice"] is None) is pending]
    return page(form, "/v1/invoiceitems", found)


ROUTES: Routes = {
    "post /v1/invoiceitems": (create, InvoiceItemCreateParams),
    "get /v1/invoiceitems": (listed, InvoiceItemListParams),
    "get /v1/invoiceitems/*": (retrieve, InvoiceItemRetrieveParams),
    "post /v1/invoiceitems/*": (update, InvoiceItemUpdateParams),
    "delete /v1/invoiceitems/*": (delete, InvoiceItemDeleteParams),
}
