"""What is bought at a Checkout page, and its sums."""

from apps.billing.fake import refusals, tax
from apps.billing.fake.catalog import cents, price_for
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, State


def lines_from(state: State, form: Form, mode: str) -> list[Object]:
    lines = []
    for number, item in enumerate(form.groups("line_items")):
        price = price_for(state, item)
        if mode == "payment" and price["recurring"]:
            raise refusals.Refusal(
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode "
                "or use only one-time prices.",
                param=f"line_items[{number}]",
            )
        metered = bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"
        quantity = item.integer("quantity")
        if metered is not (quantity is None):
            sentence = (
                "Quantity should not be specified where usage_type is `metered`."
                if metered
                else "Quantity is required."
            )
            raise refusals.Refusal(sentence, param=f"line_items[{number}][quantity]")
        amount = 0 if quantity is None else cents(price, quantity)
        lines.append(
            {
                "id": state.new_id("li"),
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": price["currency"],
                "description": state.get("product", price["product"])["name"],
                "price": dict(price),
                "quantity": quantity,
            }
        )
    if mode != "setup" and not lines:
        raise refusals.parameter_missing("line_items")
    if mode == "subscription" and not any(line["price"]["recurring"] for line in lines):
        raise refusals.Refusal(
            "You must provide at least one recurring price in `subscription` mode.", param="line_items"
        )
    return lines


def trial_days(session: Object) -> int:
    return int(session["_subscription"].get("trial_period_days") or 0)


def count(state: State, session: Object, customer: Object | None) -> None:
    """Sums as they would be for this customer; a trial's flat prices cost nothing yet."""
    taxed = session["automatic_tax"]["enabled"] and customer is not None
    for line in session["line_items"]["data"]:
        waits = bool(line["price"]["recurring"]) and (
            trial_days(session) or session["_subscription"].get("trial_end")
        )
        line["amount_subtotal"] = (
            0 if waits or line["quantity"] is None else cents(line["price"], line["quantity"])
        )
        line["amount_tax"] = (
            tax.tax_on(state, customer, line["amount_subtotal"])["amount"] if taxed and customer else 0
        )
        line["amount_total"] = line["amount_subtotal"] + line["amount_tax"]
    lines = session["line_items"]["data"]
    taxes = sum(line["amount_tax"] for line in lines)
    if session["mode"] == "setup":
        session.update(amount_subtotal=None, amount_total=None, total_details=None)
        return
    session.update(
        amount_subtotal=sum(line["amount_subtotal"] for line in lines),
        amount_total=sum(line["amount_total"] for line in lines),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": taxes},
    )
