"""Portal sessions: a page where a customer changes the card, sees invoices, cancels and resumes."""

from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    ConfigurationUpdateParams,
    SessionCreateParams,
)

from apps.billing.fake import cards, collecting, cycles, refusals
from apps.billing.fake.customers import set_default_method
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata

SESSION_SECONDS = 3600


def create(state: State, form: Form) -> Object:
    form.accept("locale", "expand")
    customer = state.get("customer", form.need("customer"), "customer")
    configuration = form.text("configuration")
    flow = form.group("flow_data")
    id = state.new_id("bps", 40)
    made = state.add(
        "billing_portal.session",
        "bps",
        id=id,
        configuration=configuration or "bpc_default",
        customer=customer["id"],
        flow=flow.plain() if flow else None,
        locale=None,
        on_behalf_of=None,
        return_url=form.text("return_url"),
        url=f"{state.pages}/fake-stripe/portal/{id}",
    )
    if configuration:
        state.get("billing_portal.configuration", configuration, "configuration")
    state.emit("billing_portal.session.created", made)
    return made


def need_open(state: State, session: Object) -> Object:
    """The customer of a session that is not over."""
    if state.now - session["created"] > SESSION_SECONDS:
        raise refusals.Refusal("This link is over: ask for a new one.")
    return state.get("customer", session["customer"])


def change_card(state: State, customer: Object, card: cards.Card) -> Object:
    """The new card pays from now on, for the subscriptions too. Raises Refusal (402) for one that can't be kept."""
    method = cards.make_method(state, card, {"email": customer["email"], "address": customer["address"]})
    cards.attach(state, method, customer)
    method["_confirmed"] = True
    with state.changing(customer):
        set_default_method(state, customer, method["id"])
    for subscription in subscriptions_of(state, customer):
        if subscription["default_payment_method"]:
            with state.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = method["id"]
    return method


def subscriptions_of(state: State, customer: Object) -> list[Object]:
    return [
        each
        for each in state.all("subscription")
        if each["customer"] == customer["id"] and each["status"] not in cycles.OVER
    ]


def invoices_of(state: State, customer: Object) -> list[Object]:
    found = [
        each
        for each in state.all("invoice")
        if each["customer"] == customer["id"] and each["status"] != "draft"
    ]
    return found[::-1]


def owned(things: list[Object], id: str) -> Object:
    """One of the customer's own. Raises Refusal (404) for any other."""
    if (found := next((thing for thing in things if thing["id"] == id), None)) is None:
        raise refusals.missing("object", id)
    return found


def cancel_at_end(state: State, subscription: Object, *, cancels: bool) -> None:
    with state.changing(subscription, "customer.subscription.updated"):
        subscription.update(
            cancel_at_period_end=cancels,
            cancel_at=cycles.period_of(subscription)[1] if cancels else None,
            canceled_at=state.now if cancels else None,
            cancellation_details={
                **subscription["cancellation_details"],
                "reason": "cancellation_requested" if cancels else None,
            },
        )


def pay_invoice(state: State, invoice: Object) -> None:
    if invoice["status"] != "open":
        raise refusals.Refusal(f"This invoice is {invoice['status']}: there is nothing to pay.")
    collecting.pay(state, invoice)


def create_configuration(state: State, form: Form) -> Object:
    made = state.add(
        "billing_portal.configuration",
        "bpc",
        active=True,
        business_profile={"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        is_default=False,
        login_page={"enabled": False, "url": None},
        metadata={},
        updated=state.now,
    )
    _set(made, form)
    state.emit("billing_portal.configuration.created", made)
    return made


def _set(made: Object, form: Form) -> None:
    set_metadata(made, form)
    form.accept("metadata", "expand")
    for name, value in form.plain().items():
        if name not in ("metadata", "expand"):
            made[name] = value


def retrieve_configuration(state: State, form: Form, id: str) -> Object:
    return state.get("billing_portal.configuration", id)


def update_configuration(state: State, form: Form, id: str) -> Object:
    made = state.get("billing_portal.configuration", id)
    with state.changing(made):
        _set(made, form)
    return made


def list_configurations(state: State, form: Form) -> Object:
    found = where(state.all("billing_portal.configuration"), form, "active", "is_default")
    return page(form, "/v1/billing_portal/configurations", found)


ROUTES: Routes = {
    "post /v1/billing_portal/sessions": (create, SessionCreateParams),
    "post /v1/billing_portal/configurations": (create_configuration, ConfigurationCreateParams),
    "get /v1/billing_portal/configurations": (list_configurations, ConfigurationListParams),
    "get /v1/billing_portal/configurations/*": (retrieve_configuration, ConfigurationRetrieveParams),
    "post /v1/billing_portal/configurations/*": (update_configuration, ConfigurationUpdateParams),
}
