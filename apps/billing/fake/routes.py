"""Every call the stand-in answers: `method /path/*`, with its handler and the SDK's type of its parameters."""

from apps.billing.fake import (
    catalog,
    checkout,
    credits,
    customers,
    disputes,
    events,
    invoice_items,
    invoices,
    meters,
    payments,
    portal,
    refunds,
    setups,
    subscriptions,
)
from apps.billing.fake.refusals import Refusal
from apps.billing.fake.state import Handler, Routes

_THEMES = (
    *(catalog, checkout, credits, customers, disputes, events),
    *(invoice_items, invoices, meters, payments, portal, refunds, setups, subscriptions),
)
ROUTES: Routes = {pattern: route for theme in _THEMES for pattern, route in theme.ROUTES.items()}
_SHAPES = {pattern: pattern.split("/") for pattern in ROUTES if "*" in pattern}


def find_route(method: str, path: str) -> tuple[Handler, type, list[str]]:
    """The handler, the type of its parameters, and the ids in the path. Raises Refusal (404) for any other call."""
    if found := ROUTES.get(f"{method} {path}"):
        return *found, []
    parts = f"{method} {path}".split("/")
    for pattern, shape in _SHAPES.items():
        if len(shape) == len(parts) and all(a in ("*", b) for a, b in zip(shape, parts, strict=True)):
            return *ROUTES[pattern], [part for a, part in zip(shape, parts, strict=True) if a == "*"]
    raise Refusal(
        f"Unrecognized request URL ({method.upper()}: {path}). The stand-in for Stripe does not have it.",
        status=404,
        checked=True,
    )
