"""What Stripe has to know of our plans: products, prices and the meter, found by keys of ours and made where
missing.

A plan whose price changes gets a new price; who pays the old one goes on with it until they change.
"""

from dataclasses import dataclass

import stripe

from apps.billing.plans import Plan, plans
from apps.billing.stripe.client import CURRENCY, cents_of, client, metadata_of

METER = "antiphon_usage_cents"
_USAGE_KEY = "antiphon:usage:cent"
_TOP_UP = "antiphon_top_up"
_USAGE = "antiphon_usage"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Ids at Stripe. `plans` has the price of each plan that costs something."""

    plans: dict[str, str]
    usage: str
    meter: str
    top_up: str

    def plan_of(self, price: stripe.Price) -> str:
        """The plan that a price, which may be an old one, is for; empty for none."""
        return metadata_of(price).get("plan", "")


_known: dict[tuple[int, str], Catalog] = {}


def catalog() -> Catalog:
    """Made on demand, then kept while the process and the plans' prices stay the same."""
    key = id(client()), "|".join(map(_plan_key, _sold()))
    if key not in _known:
        _known[key] = catalog_sync()
    return _known[key]


def catalog_sync() -> Catalog:
    """Finds or makes everything. Once more changes nothing."""
    stripe_client = client()
    meter = _meter(stripe_client)
    wanted = [_USAGE_KEY, *map(_plan_key, _sold())]
    found: dict[str | None, str] = {}
    for start in range(0, len(wanted), 10):  # as many as Stripe takes
        page = stripe_client.v1.prices.list(
            {"lookup_keys": wanted[start : start + 10], "active": True, "limit": 100}
        )
        found |= {price.lookup_key: price.id for price in page.data}
    if _USAGE_KEY not in found:
        product = _product(stripe_client, _USAGE, "Usage")
        found[_USAGE_KEY] = _new_price(stripe_client, product, _USAGE_KEY, 1, meter=meter)
    for plan in _sold():
        if (key := _plan_key(plan)) not in found:
            product = _product(stripe_client, f"antiphon_plan_{plan.key}", plan.name)
            found[key] = _new_price(stripe_client, product, key, cents_of(plan.price_micro), plan=plan.key)
    top_up = _product(stripe_client, _TOP_UP, "Balance")
    return Catalog({plan.key: found[_plan_key(plan)] for plan in _sold()}, found[_USAGE_KEY], meter, top_up)


def _sold() -> list[Plan]:
    return [plan for plan in plans().values() if plan.price_micro]


def _plan_key(plan: Plan) -> str:
    return f"antiphon:plan:{plan.key}:{cents_of(plan.price_micro)}"


def _meter(stripe_client: stripe.StripeClient) -> str:
    for meter in stripe_client.v1.billing.meters.list({"status": "active", "limit": 100}).auto_paging_iter():
        if meter.event_name == METER:
            return meter.id
    made = stripe_client.v1.billing.meters.create(
        {
            "display_name": "Usage, in cents",
            "event_name": METER,
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
    )
    return made.id


def _product(stripe_client: stripe.StripeClient, id: str, name: str) -> str:
    try:
        return stripe_client.v1.products.retrieve(id).id
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
    return stripe_client.v1.products.create({"id": id, "name": name}).id


def _new_price(
    stripe_client: stripe.StripeClient, product: str, key: str, cents: int, *, plan: str = "", meter: str = ""
) -> str:
    params: stripe.params.PriceCreateParams = {
        "currency": CURRENCY,
        "product": product,
        "lookup_key": key,
        "unit_amount": cents,
        "tax_behavior": "exclusive",
        "recurring": {"interval": "month"},
    }
    if plan:
        params["metadata"] = {"plan": plan}
    if meter:
        params["recurring"] = {"interval": "month", "usage_type": "metered", "meter": meter}
    return stripe_client.v1.prices.create(params).id
