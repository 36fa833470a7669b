"""Products and prices: flat, metered by a meter, one-time."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from stripe.params import (
    PriceCreateParams,
    PriceListParams,
    PriceRetrieveParams,
    PriceUpdateParams,
    ProductCreateParams,
    ProductDeleteParams,
    ProductListParams,
    ProductRetrieveParams,
    ProductUpdateParams,
)

from apps.billing.fake import refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata, set_texts


def _new_product(state: State, form: Form) -> Object:
    form.accept("type")
    if (id := form.text("id")) and id in state.kind("product"):
        raise refusals.Refusal("Product already exists.", code="resource_already_exists")
    made = state.add(
        "product",
        "prod",
        id=id,
        active=form.flag("active", True),
        default_price=None,
        images=[],
        marketing_features=[],
        metadata={},
        name=form.need("name"),
        description=form.text("description"),
        shippable=None,
        statement_descriptor=form.text("statement_descriptor"),
        tax_code=form.text("tax_code"),
        type="service",
        unit_label=form.text("unit_label"),
        updated=state.now,
        url=form.text("url"),
    )
    set_metadata(made, form)
    state.emit("product.created", made)
    return made


def create_product(state: State, form: Form) -> Object:
    product = _new_product(state, form)
    if data := form.group("default_price_data"):
        product["default_price"] = new_price(state, data, product)["id"]
    return product


def retrieve_product(state: State, form: Form, id: str) -> Object:
    return state.get("product", id)


def update_product(state: State, form: Form, id: str) -> Object:
    product = state.get("product", id)
    with state.changing(product):
        set_texts(product, form, "name", "description", "tax_code", "unit_label", "url", "default_price")
        set_metadata(product, form)
        product["active"] = form.flag("active", product["active"])
    return product


def delete_product(state: State, form: Form, id: str) -> Object:
    product = state.get("product", id)
    if any(price["product"] == id for price in state.all("price")):
        raise refusals.Refusal(
            "This product cannot be deleted because it has one or more user-created prices."
        )
    state.remove(product)
    state.emit("product.deleted", product)
    return {"id": id, "object": "product", "deleted": True}


def list_products(state: State, form: Form) -> Object:
    found = where(state.all("product"), form, "active", "url")
    if ids := form.value("ids"):
        found = [product for product in found if product["id"] in ids]
    return page(form, "/v1/products", found)


def _decimal(form: Form) -> Decimal | None:
    """The price of one unit in cents. Raises Refusal for what is no price."""
    whole, exact = form.integer("unit_amount"), form.text("unit_amount_decimal")
    if whole is not None and exact is not None:
        raise refusals.Refusal(
            "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        )
    if whole is None and exact is None:
        return None
    try:
        found = Decimal(exact if exact is not None else str(whole))
    except InvalidOperation:
        raise refusals.parameter_invalid("unit_amount_decimal", "must be a decimal") from None
    exponent = found.as_tuple().exponent
    if not found.is_finite() or found < 0 or (isinstance(exponent, int) and exponent < -12):
        raise refusals.parameter_invalid("unit_amount_decimal", "at most 12 decimal places, and not below 0")
    return found


def new_price(state: State, form: Form, product: Object, *, active: bool = True) -> Object:
    """From the parameters of a price or of `price_data`."""
    amount = _decimal(form)
    if amount is None:
        raise refusals.parameter_missing("unit_amount")
    recurring = form.group("recurring")
    return state.add(
        "price",
        "price",
        active=active,
        billing_scheme="per_unit",
        currency=str(form.need("currency")).lower(),
        custom_unit_amount=None,
        lookup_key=None,
        metadata={},
        nickname=None,
        product=product["id"],
        recurring=_recurring(state, recurring) if recurring else None,
        tax_behavior=form.text("tax_behavior") or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=int(amount) if amount == int(amount) else None,
        unit_amount_decimal=format(amount.normalize(), "f"),
    )


def _recurring(state: State, form: Form) -> Object:
    meter, usage = form.text("meter"), form.text("usage_type") or "licensed"
    if meter:
        state.get("billing.meter", meter, "recurring[meter]")
    if (usage == "metered") is not bool(meter):
        raise refusals.Refusal(
            "A metered price needs a meter, and only a metered price has one.", param="recurring[meter]"
        )
    return {
        "interval": form.need("interval"),
        "interval_count": form.integer("interval_count") or 1,
        "meter": meter,
        "trial_period_days": None,
        "usage_type": usage,
    }


def price_for(state: State, form: Form) -> Object:
    """The price that an item names, or a hidden one made of its `price_data`."""
    if data := form.group("price_data"):
        if product_data := data.group("product_data"):
            product = _new_product(state, product_data)
        else:
            product = state.get("product", data.need("product"), "price_data[product]")
        return new_price(state, data, product, active=False)
    return state.get("price", form.need("price"), "price")


def create_price(state: State, form: Form) -> Object:
    form.accept("billing_scheme")
    if form.text("billing_scheme") == "tiered":
        raise refusals.parameter_unsupported("billing_scheme")
    if data := form.group("product_data"):
        product = _new_product(state, data)
    else:
        product = state.get("product", form.need("product"), "product")
    price = new_price(state, form, product, active=form.flag("active", True))
    price["nickname"] = form.text("nickname")
    _set_lookup_key(state, price, form)
    set_metadata(price, form)
    state.emit("price.created", price)
    return price


def _set_lookup_key(state: State, price: Object, form: Form) -> None:
    transfer = form.flag("transfer_lookup_key")
    if "lookup_key" not in form:
        return
    key = form.text("lookup_key") or None
    for other in state.all("price"):
        if key and other is not price and other["lookup_key"] == key:
            if not transfer:
                raise refusals.Refusal(
                    f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key"
                )
            other["lookup_key"] = None
    price["lookup_key"] = key


def retrieve_price(state: State, form: Form, id: str) -> Object:
    return state.get("price", id)


def update_price(state: State, form: Form, id: str) -> Object:
    price = state.get("price", id)
    with state.changing(price):
        set_texts(price, form, "nickname", "tax_behavior")
        set_metadata(price, form)
        price["active"] = form.flag("active", price["active"])
        _set_lookup_key(state, price, form)
    return price


def list_prices(state: State, form: Form) -> Object:
    found = where(state.all("price"), form, "active", "currency", "product", "type")
    if keys := form.value("lookup_keys"):
        found = [price for price in found if price["lookup_key"] in keys]
    if recurring := form.group("recurring"):
        wanted = recurring.plain()
        found = [p for p in found if p["recurring"] and wanted.items() <= p["recurring"].items()]
    return page(form, "/v1/prices", found)


def plan_of(price: Object) -> Object:
    """The older form of a recurring price, which subscription items still carry."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def cents(price: Object, quantity: Decimal | int) -> int:
    """What a quantity costs, rounded half up to whole cents once, at the end."""
    return int((Decimal(price["unit_amount_decimal"]) * quantity).quantize(Decimal(1), ROUND_HALF_UP))


ROUTES: Routes = {
    "post /v1/products": (create_product, ProductCreateParams),
    "get /v1/products": (list_products, ProductListParams),
    "get /v1/products/*": (retrieve_product, ProductRetrieveParams),
    "post /v1/products/*": (update_product, ProductUpdateParams),
    "delete /v1/products/*": (delete_product, ProductDeleteParams),
    "post /v1/prices": (create_price, PriceCreateParams),
    "get /v1/prices": (list_prices, PriceListParams),
    "get /v1/prices/*": (retrieve_price, PriceRetrieveParams),
    "post /v1/prices/*": (update_price, PriceUpdateParams),
}
