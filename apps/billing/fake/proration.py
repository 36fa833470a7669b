"""Changing what a subscription has in the middle of a period, and what that costs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from apps.billing.fake import refusals
from apps.billing.fake.catalog import cents, plan_of, price_for
from apps.billing.fake.cycles import is_metered, items_of, period_of
from apps.billing.fake.invoice_items import new_item
from apps.billing.fake.meters import usage
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, State, set_metadata


def make_item(
    state: State, subscription_id: str, price: Object, quantity: int | None, period: tuple[int, int]
) -> Object:
    """Raises Refusal for a price that does not recur, or a quantity of what is metered."""
    if price["type"] != "recurring":
        raise refusals.Refusal(
            f"The price specified is set to `type=one_time` but this field only accepts prices with "
            f"`type=recurring`. ({price['id']})",
            param="items",
        )
    metered = price["recurring"]["usage_type"] == "metered"
    if metered and quantity is not None:
        raise refusals.Refusal(
            "Quantity should not be specified where usage_type is `metered`.", param="items"
        )
    made: Object = {
        "id": state.new_id("si"),
        "object": "subscription_item",
        "created": state.now,
        "current_period_start": period[0],
        "current_period_end": period[1],
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": dict(price),
        "subscription": subscription_id,
        "tax_rates": [],
    }
    if not metered:
        made["quantity"] = 1 if quantity is None else quantity
    return made


@dataclass(frozen=True)
class Change:
    """One item before and after: what there was, and what there is now, if anything."""

    old: Object | None
    new: Object | None


def change_items(state: State, subscription: Object, forms: list[Form]) -> list[Change]:
    """Puts the items as they are asked for. Raises Refusal for an item it does not have."""
    changes, held = [], {item["id"]: item for item in items_of(subscription)}
    period = period_of(subscription)
    for form in forms:
        id = form.text("id")
        if id is None:
            quantity = form.integer("quantity")
            item = make_item(state, subscription["id"], price_for(state, form), quantity, period)
            if any(each["price"]["id"] == item["price"]["id"] for each in held.values()):
                raise refusals.Refusal(
                    f"Subscription items must have unique prices: {item['price']['id']} is already there.",
                    param="items",
                )
            held[item["id"]] = item
            changes.append(Change(None, item))
        elif id not in held:
            raise refusals.missing("subscription_item", id, "items")
        elif form.flag("deleted"):
            form.accept("clear_usage")
            changes.append(Change(held.pop(id), None))
            continue
        else:
            item, old = held[id], dict(held[id])
            _change_item(state, item, form)
            if (old["price"]["id"], old.get("quantity")) != (item["price"]["id"], item.get("quantity")):
                changes.append(Change(old, item))
        set_metadata(item, form)
    if not held:
        raise refusals.Refusal("A subscription must have at least one active item.", param="items")
    subscription["items"]["data"] = list(held.values())
    one_interval(subscription)
    return changes


def _change_item(state: State, item: Object, form: Form) -> None:
    if "price" in form or "price_data" in form:
        fresh = make_item(state, item["subscription"], price_for(state, form), None, (0, 0))
        item.update(price=fresh["price"], plan=fresh["plan"])
        if is_metered(item):
            item.pop("quantity", None)
        else:
            item.setdefault("quantity", 1)
    if (quantity := form.integer("quantity")) is not None:
        if is_metered(item):
            raise refusals.Refusal(
                "Quantity should not be specified where usage_type is `metered`.", param="items"
            )
        item["quantity"] = quantity


def one_interval(subscription: Object) -> None:
    """Raises Refusal: the stand-in bills all items together."""
    found = {
        (i["price"]["recurring"]["interval"], i["price"]["recurring"]["interval_count"])
        for i in items_of(subscription)
    }
    if len(found) > 1:
        raise refusals.Refusal(
            "The stand-in for Stripe bills all items of a subscription at one interval.", param="items"
        )


def prorate(
    state: State,
    subscription: Object,
    changes: list[Change],
    *,
    at: int,
    period: tuple[int, int],
    new_period_begins: bool,
) -> None:
    """Credit the rest of what was paid for, and charge the rest of what replaces it: as pending items."""
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    share = Decimal(max(0, period[1] - at)) / Decimal(max(1, period[1] - period[0]))
    for change in changes:
        if change.old and not is_metered(change.old):
            name = _name(state, change.old)
            amount = -cents(change.old["price"], change.old["quantity"] * share)
            _add(
                state, subscription, change.old, amount, f"Unused time on {name} after {day}", (at, period[1])
            )
        if change.new and not is_metered(change.new) and not new_period_begins:
            amount = cents(change.new["price"], change.new["quantity"] * share)
            name = _name(state, change.new)
            _add(
                state,
                subscription,
                change.new,
                amount,
                f"Remaining time on {name} after {day}",
                (at, period[1]),
            )


def bill_replaced_usage(state: State, subscription: Object, changes: list[Change], start: int) -> None:
    """Usage so far of a metered item that goes or changes waits for the next invoice, at its old price."""
    for change in changes:
        old = change.old
        if change.new:
            change.new["_usage_from"] = state.now
        if old and is_metered(old):
            since = max(start, old.get("_usage_from", 0))
            used = usage(
                state, old["price"]["recurring"]["meter"], subscription["customer"], since, state.now
            )
            amount = cents(old["price"], used)
            if amount:
                _add(state, subscription, old, amount, _name(state, old), (start, state.now), proration=False)


def _name(state: State, item: Object) -> str:
    name: str = state.get("product", item["price"]["product"])["name"]
    return name if is_metered(item) else f"{item['quantity']} × {name}"


def _add(
    state: State,
    subscription: Object,
    item: Object,
    amount: int,
    description: str,
    period: tuple[int, int],
    proration: bool = True,
) -> None:
    details = {"subscription": subscription["id"], "subscription_item": item["id"]}
    made = new_item(
        state,
        customer=subscription["customer"],
        amount=amount,
        description=description,
        currency=subscription["currency"],
        parent={"type": "subscription_details", "subscription_details": details},
        period={"start": period[0], "end": period[1]},
        pricing={
            "type": "price_details",
            "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]},
            "unit_amount_decimal": item["price"]["unit_amount_decimal"],
        },
        proration=proration,
        quantity=item.get("quantity", 1),
    )
    state.emit("invoiceitem.created", made)
