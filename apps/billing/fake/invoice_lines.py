"""What an invoice is made of: its lines, pending items, tax, credits and sums."""

from decimal import Decimal
from typing import Any

from apps.billing.fake import credits, meters, tax
from apps.billing.fake.catalog import cents
from apps.billing.fake.state import Object, State, a_list


def new_invoice(state: State, customer: Object, *, reason: str, **fields: Any) -> Object:
    """A draft without lines. It is announced by whoever fills it."""
    id = state.new_id("in")
    return state.add(
        "invoice",
        "in",
        **{
            "id": id,
            "account_country": "US",
            "account_name": "Antiphon stand-in",
            "account_tax_ids": None,
            "amount_due": 0,
            "amount_overpaid": 0,
            "amount_paid": 0,
            "amount_remaining": 0,
            "amount_shipping": 0,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": False,
            "automatically_finalizes_at": None,
            "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None, "status": None},
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "currency": "usd",
            "confirmation_secret": None,
            "custom_fields": None,
            "customer": customer["id"],
            "customer_address": customer["address"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_tax_exempt": customer["tax_exempt"],
            "customer_tax_ids": [
                {"type": t["type"], "value": t["value"]} for t in customer["tax_ids"]["data"]
            ],
            "default_payment_method": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "due_date": None,
            "issuer": {"type": "self"},
            "effective_at": None,
            "ending_balance": None,
            "footer": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "last_finalization_error": None,
            "lines": a_list(f"/v1/invoices/{id}/lines", []),
            "metadata": {},
            "next_payment_attempt": None,
            "number": None,
            "parent": None,
            "payment_settings": {
                "default_mandate": None,
                "payment_method_options": None,
                "payment_method_types": None,
            },
            "payments": a_list(f"/v1/invoice_payments?invoice={id}", []),
            "period_start": state.now,
            "period_end": state.now,
            "receipt_number": None,
            "starting_balance": 0,
            "status": "draft",
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "subtotal": 0,
            "subtotal_excluding_tax": 0,
            "total": 0,
            "status_transitions": {
                "finalized_at": None,
                "marked_uncollectible_at": None,
                "paid_at": None,
                "voided_at": None,
            },
            "total_excluding_tax": 0,
            "total_discount_amounts": [],
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "webhooks_delivered_at": None,
            "_first_attempt": None,
            "_automatic_attempts": 0,
            **fields,
        },
    )


def for_subscription(state: State, subscription: Object, *, reason: str) -> Object:
    customer = state.get("customer", subscription["customer"])
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    invoice = new_invoice(
        state,
        customer,
        reason=reason,
        auto_advance=True,
        collection_method=subscription["collection_method"],
        currency=subscription["currency"],
        parent={"type": "subscription_details", "quote_details": None, "subscription_details": details},
    )
    invoice["automatic_tax"] = {
        **invoice["automatic_tax"],
        "enabled": subscription["automatic_tax"]["enabled"],
    }
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def subscription_of(invoice: Object) -> str | None:
    parent = invoice["parent"] or {}
    found: str | None = (parent.get("subscription_details") or {}).get("subscription")
    return found


def add_line(
    state: State,
    invoice: Object,
    *,
    amount: int,
    description: str | None,
    period: tuple[int, int],
    price: Object | None = None,
    quantity: int | None = 1,
    parent: Object | None = None,
    metadata: Object | None = None,
    **fields: Any,
) -> Object:
    pricing = price and {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }
    line: Object = {
        "id": state.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "subtotal": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": False,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": metadata or {},
        "parent": parent,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "taxes": [],
        **fields,
    }
    invoice["lines"]["data"].append(line)
    return line


def item_parent(item: Object, *, proration: bool = False, invoice_item: str | None = None) -> Object:
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": invoice_item,
            "proration": proration,
            "proration_details": {"credited_items": None},
            "subscription": item["subscription"],
            "subscription_item": item["id"],
        },
    }


def add_flat(
    state: State, invoice: Object, item: Object, period: tuple[int, int], share: Decimal = Decimal(1)
) -> None:
    """A licensed item for a period to come; `share` of it where the period is a part of the whole."""
    price, quantity = item["price"], item["quantity"]
    name = state.get("product", price["product"])["name"]
    unit = f"${Decimal(price['unit_amount_decimal']) / 100:.2f}"
    each = f"{quantity} × {name} (at {unit} / {price['recurring']['interval']})"
    add_line(
        state,
        invoice,
        amount=cents(price, quantity * share),
        description=each,
        period=period,
        price=price,
        quantity=quantity,
        parent=item_parent(item, proration=share != 1),
        metadata=dict(item["metadata"]),
    )


def add_metered(state: State, invoice: Object, item: Object, period: tuple[int, int]) -> None:
    """The usage of a period that is over. It is counted again until the invoice is final."""
    add_line(
        state,
        invoice,
        amount=0,
        description=state.get("product", item["price"]["product"])["name"],
        period=period,
        price=item["price"],
        quantity=0,
        parent=item_parent(item),
        metadata=dict(item["metadata"]),
        quantity_decimal="0",
        _meter=item["price"]["recurring"]["meter"],
    )


def take_pending(state: State, invoice: Object, subscription: str | None) -> None:
    """The customer's items that wait for an invoice of this subscription, or for any."""
    for item in state.all("invoiceitem"):
        if item["customer"] == invoice["customer"] and item["invoice"] is None:
            wanted = (item["parent"] or {}).get("subscription_details", {}).get("subscription")
            if wanted in (None, subscription):
                take_item(state, invoice, item)


def take_item(state: State, invoice: Object, item: Object) -> None:
    item["invoice"] = invoice["id"]
    details = (item["parent"] or {}).get("subscription_details", {})
    if details.get("subscription_item"):
        held = {"id": details["subscription_item"], "subscription": details["subscription"]}
        parent = item_parent(held, proration=item["proration"], invoice_item=item["id"])
    else:
        parent = {
            "type": "invoice_item_details",
            "subscription_item_details": None,
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": item["proration"],
                "proration_details": {"credited_items": None},
                "subscription": details.get("subscription"),
            },
        }
    price = state.kind("price").get((item["pricing"] or {}).get("price_details", {}).get("price", ""))
    add_line(
        state,
        invoice,
        amount=item["amount"],
        description=item["description"],
        period=(item["period"]["start"], item["period"]["end"]),
        price=price,
        quantity=item["quantity"],
        parent=parent,
        metadata=dict(item["metadata"]),
    )


def recount(state: State, invoice: Object, *, final: bool = False) -> None:
    """Usage, credits, tax and sums of a draft. Credits are drawn only when it becomes final."""
    lines, customer = invoice["lines"]["data"], state.get("customer", invoice["customer"])
    for line in lines:
        if meter := line.get("_meter"):
            period = line["period"]
            used = meters.usage(state, meter, invoice["customer"], period["start"], period["end"])
            price = state.get("price", line["pricing"]["price_details"]["price"])
            line.update(amount=cents(price, used), quantity=int(used), quantity_decimal=format(used, "f"))
            line["subtotal"] = line["amount"]
    drawn = credits.draw(state, invoice, keep=final)
    for line in lines:
        taxable = line["amount"] - sum(each["amount"] for each in line["pretax_credit_amounts"])
        line["taxes"] = [tax.tax_on(state, customer, taxable)] if invoice["automatic_tax"]["enabled"] else []
    invoice["total_taxes"] = tax.added([each for line in lines for each in line["taxes"]])
    subtotal = sum(line["amount"] for line in lines)
    before_tax = subtotal - drawn
    total = before_tax + sum(each["amount"] for each in invoice["total_taxes"])
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        total_excluding_tax=before_tax,
        total=total,
        amount_due=max(0, total),
        amount_remaining=max(0, total),
    )
    if invoice["automatic_tax"]["enabled"]:
        located = bool((customer["address"] or {}).get("country"))
        invoice["automatic_tax"] = {
            **invoice["automatic_tax"],
            "status": "complete" if located else "requires_location_inputs",
        }
