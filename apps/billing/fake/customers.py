"""Customers, their payment methods, tax ids and balance."""

from stripe.params import CustomerBalanceTransactionCreateParams as BalanceParams
from stripe.params import (
    CustomerBalanceTransactionListParams,
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerPaymentMethodListParams,
    CustomerRetrieveParams,
    CustomerTaxIdCreateParams,
    CustomerTaxIdDeleteParams,
    CustomerTaxIdListParams,
    CustomerUpdateParams,
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
    PaymentMethodUpdateParams,
)

from apps.billing.fake import cards, refusals, tax
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, a_list, present, set_metadata, set_texts

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def new_customer(state: State, **fields: object) -> Object:
    made = state.add("customer", "cus")
    url = f"/v1/customers/{made['id']}"
    made.update(
        {
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "email": None,
            "name": None,
            "phone": None,
            "shipping": None,
            "invoice_prefix": state.new_id("x", 8)[2:].upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": {},
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
            "tax_ids": a_list(f"{url}/tax_ids", []),
            "tax": None,
            **fields,
        }
    )
    return made


def address_from(form: Form) -> Object | None:
    given = form.group("address")
    return {name: given.text(name) for name in _ADDRESS} if given else None


def _set(state: State, customer: Object, form: Form) -> None:
    set_texts(customer, form, "description", "email", "name", "phone", "business_name", "individual_name")
    set_metadata(customer, form)
    if "address" in form:
        customer["address"] = address_from(form)
    if "tax_exempt" in form:
        customer["tax_exempt"] = form.text("tax_exempt") or "none"
    if "preferred_locales" in form:
        customer["preferred_locales"] = form.value("preferred_locales")
    if "balance" in form:
        customer["balance"] = form.integer("balance")
    if details := form.group("tax"):
        details.accept("ip_address")
        if details.text("validate_location") == "immediately" and not (customer["address"] or {}).get(
            "country"
        ):
            raise refusals.Refusal(
                "The customer's location isn't recognized. Set a valid customer address in order to "
                "automatically calculate tax.",
                code="customer_tax_location_invalid",
            )
    if settings := form.group("invoice_settings"):
        settings.accept("footer", "custom_fields", "rendering_options")
        if "default_payment_method" in settings:
            set_default_method(state, customer, settings.text("default_payment_method"))
    customer["tax"] = tax.location_of(state, customer)


def set_default_method(state: State, customer: Object, id: str | None) -> None:
    method = state.maybe("payment_method", id, "invoice_settings[default_payment_method]")
    if method and method["customer"] != customer["id"]:
        raise refusals.Refusal(
            f"The customer does not have a payment method with the ID {id}. "
            "The payment method must be attached to the customer.",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": id or None}


def create(state: State, form: Form) -> Object:
    customer = new_customer(state)
    if method_word := form.text("payment_method"):
        method = cards.method_for(state, method_word)
        cards.attach(state, method, customer)
    _set(state, customer, form)
    for data in form.groups("tax_id_data"):
        _new_tax_id(state, customer, data)
    state.emit("customer.created", customer)
    return customer


def retrieve(state: State, form: Form, id: str) -> Object:
    if id in state.kind("deleted customer"):
        return {"id": id, "object": "customer", "deleted": True}
    return state.get("customer", id)


def update(state: State, form: Form, id: str) -> Object:
    customer = state.get("customer", id)
    with state.changing(customer):
        _set(state, customer, form)
    return customer


def delete(state: State, form: Form, id: str) -> Object:
    from apps.billing.fake import cycles

    customer = state.get("customer", id)
    for subscription in state.all("subscription"):
        if subscription["customer"] == id and subscription["status"] != "canceled":
            cycles.end(state, subscription, reason="cancellation_requested")
    state.emit("customer.deleted", customer)
    state.remove(customer)
    state.kind("deleted customer")[id] = {}
    return {"id": id, "object": "customer", "deleted": True}


def listed(state: State, form: Form) -> Object:
    return page(form, "/v1/customers", where(state.all("customer"), form, "email"))


# Payment methods.


def create_method(state: State, form: Form) -> Object:
    form.accept("type", "allow_redisplay")
    billing = form.group("billing_details")
    method = cards.make_method(state, cards.card_from(form), billing.plain() if billing else None)
    set_metadata(method, form)
    return method


def retrieve_method(state: State, form: Form, id: str) -> Object:
    return state.get("payment_method", id)


def update_method(state: State, form: Form, id: str) -> Object:
    method = state.get("payment_method", id)
    with state.changing(method, "payment_method.updated"):
        set_metadata(method, form)
        if billing := form.group("billing_details"):
            method["billing_details"] = {**method["billing_details"], **billing.plain()}
    return method


def attach_method(state: State, form: Form, id: str) -> Object:
    method = cards.method_for(state, id)
    cards.attach(state, method, state.get("customer", form.need("customer"), "customer"))
    return method


def detach_method(state: State, form: Form, id: str) -> Object:
    method = state.get("payment_method", id)
    if method["customer"] is None:
        raise refusals.Refusal(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    cards.detach(state, method)
    return method


def list_methods(state: State, form: Form) -> Object:
    form.need("customer")
    return page(form, "/v1/payment_methods", where(state.all("payment_method"), form, "customer", "type"))


def list_methods_of(state: State, form: Form, id: str) -> Object:
    state.get("customer", id)
    found = [method for method in state.all("payment_method") if method["customer"] == id]
    return page(form, f"/v1/customers/{id}/payment_methods", where(found, form, "type"))


def method_of(state: State, form: Form, id: str, method_id: str) -> Object:
    method = state.get("payment_method", method_id)
    if method["customer"] != id:
        raise refusals.missing("PaymentMethod", method_id)
    return method


# Tax ids and the balance.


def _new_tax_id(state: State, customer: Object, form: Form) -> Object:
    made = state.add(
        "tax_id",
        "txi",
        customer=customer["id"],
        country=(customer["address"] or {}).get("country"),
        type=form.need("type"),
        value=form.need("value"),
        verification={"status": "pending", "verified_address": None, "verified_name": None},
    )
    customer["tax_ids"]["data"].append(present(made))
    return made


def create_tax_id(state: State, form: Form, id: str) -> Object:
    made = _new_tax_id(state, state.get("customer", id), form)
    state.emit("customer.tax_id.created", made)
    return made


def list_tax_ids(state: State, form: Form, id: str) -> Object:
    state.get("customer", id)
    found = [each for each in state.all("tax_id") if each["customer"] == id]
    return page(form, f"/v1/customers/{id}/tax_ids", found)


def delete_tax_id(state: State, form: Form, id: str, tax_id: str) -> Object:
    customer, found = state.get("customer", id), state.get("tax_id", tax_id)
    if found["customer"] != id:
        raise refusals.missing("tax_id", tax_id)
    state.remove(found)
    held = customer["tax_ids"]
    held["data"] = [each for each in held["data"] if each["id"] != tax_id]
    state.emit("customer.tax_id.deleted", found)
    return {"id": tax_id, "object": "tax_id", "deleted": True}


def change_balance(state: State, customer: Object, amount: int, type: str, **fields: object) -> Object:
    """A negative amount is in the customer's favour, as at Stripe."""
    with state.changing(customer):
        customer["balance"] += amount
    return state.add(
        "customer_balance_transaction",
        "cbtxn",
        amount=amount,
        currency=customer["currency"] or "usd",
        customer=customer["id"],
        ending_balance=customer["balance"],
        type=type,
        **{"credit_note": None, "invoice": None, "description": None, "metadata": {}, **fields},
    )


def create_balance(state: State, form: Form, id: str) -> Object:
    form.accept("currency")
    made = change_balance(
        state,
        state.get("customer", id),
        form.need("amount"),
        "adjustment",
        description=form.text("description"),
    )
    set_metadata(made, form)
    return made


def list_balance(state: State, form: Form, id: str) -> Object:
    found = [each for each in state.all("customer_balance_transaction") if each["customer"] == id]
    return page(form, f"/v1/customers/{id}/balance_transactions", where(found, form, "invoice"))


ROUTES: Routes = {
    "post /v1/customers": (create, CustomerCreateParams),
    "get /v1/customers": (listed, CustomerListParams),
    "get /v1/customers/*": (retrieve, CustomerRetrieveParams),
    "post /v1/customers/*": (update, CustomerUpdateParams),
    "delete /v1/customers/*": (delete, CustomerDeleteParams),
    "get /v1/customers/*/payment_methods": (list_methods_of, CustomerPaymentMethodListParams),
    "get /v1/customers/*/payment_methods/*": (method_of, PaymentMethodRetrieveParams),
    "post /v1/customers/*/tax_ids": (create_tax_id, CustomerTaxIdCreateParams),
    "get /v1/customers/*/tax_ids": (list_tax_ids, CustomerTaxIdListParams),
    "delete /v1/customers/*/tax_ids/*": (delete_tax_id, CustomerTaxIdDeleteParams),
    "post /v1/customers/*/balance_transactions": (create_balance, BalanceParams),
    "get /v1/customers/*/balance_transactions": (list_balance, CustomerBalanceTransactionListParams),
    "post /v1/payment_methods": (create_method, PaymentMethodCreateParams),
    "get /v1/payment_methods": (list_methods, PaymentMethodListParams),
    "get /v1/payment_methods/*": (retrieve_method, PaymentMethodRetrieveParams),
    "post /v1/payment_methods/*": (update_method, PaymentMethodUpdateParams),
    "post /v1/payment_methods/*/attach": (attach_method, PaymentMethodAttachParams),
    "post /v1/payment_methods/*/detach": (detach_method, PaymentMethodDetachParams),
}
