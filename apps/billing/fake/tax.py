"""Tax by a rate per country, on top of the price. A calm simplification of Stripe Tax."""

from apps.billing.fake import refusals
from apps.billing.fake.state import Object, State


def location_of(state: State, customer: Object) -> Object:
    country = (customer["address"] or {}).get("country")
    status = "unrecognized_location"
    if country:
        status = "supported" if country in state.rules.tax_percent else "not_collecting"
    location = {"country": country, "source": "billing_address", "state": None} if country else None
    return {"automatic_tax": status, "ip_address": None, "location": location, "provider": "stripe"}


def need_location(customer: Object) -> None:
    """Raises Refusal where tax is to be worked out for a customer that is nowhere."""
    if not (customer["address"] or {}).get("country"):
        raise refusals.Refusal(
            "The customer's location isn't recognized. Set a valid customer address in order to automatically "
            "calculate tax.",
            code="customer_tax_location_invalid",
        )


def percent_for(state: State, customer: Object) -> int:
    country = (customer["address"] or {}).get("country") or ""
    return state.rules.tax_percent.get(country, 0) if customer["tax_exempt"] == "none" else 0


def tax_on(state: State, customer: Object, amount: int) -> Object:
    """The tax of one line, rounded half away from zero."""
    percent = percent_for(state, customer)
    cents = (abs(amount) * percent * 2 + 100) // 200
    reasons = {"exempt": "customer_exempt", "reverse": "reverse_charge"}
    reason = reasons.get(customer["tax_exempt"]) or ("standard_rated" if percent else "not_collecting")
    return {
        "amount": cents if amount >= 0 else -cents,
        "tax_behavior": "exclusive",
        "tax_rate_details": None,
        "taxability_reason": reason,
        "taxable_amount": amount if percent else 0,
        "type": "tax_rate_details",
    }


def added(taxes: list[Object]) -> list[Object]:
    """The sum over lines, by reason."""
    sums: dict[str, Object] = {}
    for each in taxes:
        if (held := sums.get(each["taxability_reason"])) is None:
            sums[each["taxability_reason"]] = dict(each)
        else:
            held["amount"] += each["amount"]
            held["taxable_amount"] += each["taxable_amount"]
    return list(sums.values())
