"""Credit grants: prepaid or given amounts that pay for metered lines, before tax."""

from typing import Any

from stripe.params.billing import (
    CreditBalanceSummaryRetrieveParams,
    CreditBalanceTransactionListParams,
    CreditBalanceTransactionRetrieveParams,
    CreditGrantCreateParams,
    CreditGrantExpireParams,
    CreditGrantListParams,
    CreditGrantRetrieveParams,
    CreditGrantUpdateParams,
    CreditGrantVoidGrantParams,
)

from apps.billing.fake import refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, set_metadata


def create(state: State, form: Form) -> Object:
    customer = state.get("customer", form.need("customer"), "customer")
    amount, config = form.group("amount"), form.group("applicability_config")
    money = amount.group("monetary") if amount else None
    scope = config.group("scope") if config else None
    if money is None or amount is None or scope is None:
        raise refusals.parameter_missing("amount[monetary]")
    amount.accept("type")
    priority, effective = form.integer("priority"), form.integer("effective_at")
    made = state.add(
        "billing.credit_grant",
        "credgr",
        amount={
            "type": "monetary",
            "monetary": {"currency": money.need("currency"), "value": money.need("value")},
        },
        applicability_config={"scope": scope.plain()},
        category=form.text("category") or "paid",
        customer=customer["id"],
        effective_at=state.now if effective is None else effective,
        expires_at=form.integer("expires_at"),
        metadata={},
        name=form.text("name"),
        priority=50 if priority is None else priority,
        updated=state.now,
        voided_at=None,
        _left=money.need("value"),
    )
    set_metadata(made, form)
    _entry(state, made, "credit", made["_left"], "credits_granted")
    state.emit("billing.credit_grant.created", made)
    return made


def _entry(state: State, grant: Object, side: str, value: int, type: str, **fields: Any) -> Object:
    amount = {
        "type": "monetary",
        "monetary": {"currency": grant["amount"]["monetary"]["currency"], "value": value},
    }
    return state.add(
        "billing.credit_balance_transaction",
        "cbtxn",
        credit={"amount": amount, "type": type, **fields} if side == "credit" else None,
        debit={"amount": amount, "type": type, **fields} if side == "debit" else None,
        credit_grant=grant["id"],
        effective_at=state.now,
        type=side,
        _customer=grant["customer"],
    )


def _usable(state: State, customer: str) -> list[Object]:
    """In the order in which Stripe draws on them."""
    found = [
        grant
        for grant in state.all("billing.credit_grant")
        if grant["customer"] == customer
        and grant["_left"] > 0
        and grant["voided_at"] is None
        and grant["effective_at"] <= state.now
        and (grant["expires_at"] is None or grant["expires_at"] > state.now)
    ]
    never = 1 << 62
    return sorted(
        found,
        key=lambda grant: (
            grant["priority"],
            grant["expires_at"] or never,
            grant["category"] != "promotional",
            grant["effective_at"],
            grant["created"],
        ),
    )


def draw(state: State, invoice: Object, *, keep: bool) -> int:
    """Pay metered lines from grants; the sum. Without `keep` it only shows what would be."""
    for line in invoice["lines"]["data"]:
        line["pretax_credit_amounts"] = []
    invoice["total_pretax_credit_amounts"] = []
    drawn = 0
    for grant in _usable(state, invoice["customer"]):
        left = grant["_left"]
        if grant["amount"]["monetary"]["currency"] != invoice["currency"]:
            continue
        for line in invoice["lines"]["data"]:
            owed = line["amount"] - sum(each["amount"] for each in line["pretax_credit_amounts"])
            part = min(left, owed) if _applies(grant, line) else 0
            if part > 0:
                entry: Object = {"amount": part, "type": "credit_balance_transaction"}
                if keep:
                    applied = {"invoice": invoice["id"], "invoice_line_item": line["id"]}
                    made = _entry(state, grant, "debit", part, "credits_applied", credits_applied=applied)
                    entry["credit_balance_transaction"] = made["id"]
                line["pretax_credit_amounts"].append(entry)
                invoice["total_pretax_credit_amounts"].append(dict(entry))
                left, drawn = left - part, drawn + part
        if keep:
            grant["_left"] = left
    return drawn


def _applies(grant: Object, line: Object) -> bool:
    prices = [price["id"] for price in grant["applicability_config"]["scope"].get("prices", [])]
    return bool(line.get("_meter")) and (not prices or line["pricing"]["price_details"]["price"] in prices)


def give_back(state: State, invoice: Object) -> None:
    """A void invoice returns what it drew."""
    for line in invoice["lines"]["data"]:
        for entry in line["pretax_credit_amounts"]:
            spent = state.get("billing.credit_balance_transaction", entry["credit_balance_transaction"])
            grant = state.get("billing.credit_grant", spent["credit_grant"])
            grant["_left"] += entry["amount"]
            _entry(state, grant, "credit", entry["amount"], "credits_application_invoice_voided")


def retrieve(state: State, form: Form, id: str) -> Object:
    return state.get("billing.credit_grant", id)


def update(state: State, form: Form, id: str) -> Object:
    grant = state.get("billing.credit_grant", id)
    with state.changing(grant):
        set_metadata(grant, form)
        if "expires_at" in form:
            grant["expires_at"] = form.value("expires_at") or None
    return grant


def expire(state: State, form: Form, id: str) -> Object:
    grant = state.get("billing.credit_grant", id)
    with state.changing(grant):
        grant["expires_at"] = state.now
    return grant


def void(state: State, form: Form, id: str) -> Object:
    grant = state.get("billing.credit_grant", id)
    if grant["_left"] != grant["amount"]["monetary"]["value"]:
        raise refusals.Refusal("This credit grant has been applied to an invoice, so it can't be voided.")
    with state.changing(grant):
        grant["voided_at"] = state.now
    return grant


def listed(state: State, form: Form) -> Object:
    return page(form, "/v1/billing/credit_grants", where(state.all("billing.credit_grant"), form, "customer"))


def summary(state: State, form: Form) -> Object:
    customer = form.need("customer")
    wanted = form.group("filter")
    only = wanted.text("credit_grant") if wanted and wanted.need("type") == "credit_grant" else None
    if wanted:
        wanted.accept("applicability_scope")
    left = sum(grant["_left"] for grant in _usable(state, customer) if only in (None, grant["id"]))
    amount = {"type": "monetary", "monetary": {"currency": "usd", "value": left}}
    return {
        "object": "billing.credit_balance_summary",
        "balances": [{"available_balance": amount, "ledger_balance": amount}],
        "customer": customer,
        "livemode": False,
    }


def transactions(state: State, form: Form) -> Object:
    customer = form.need("customer")
    found = [
        each for each in state.all("billing.credit_balance_transaction") if each["_customer"] == customer
    ]
    return page(form, "/v1/billing/credit_balance_transactions", where(found, form, "credit_grant"))


def transaction(state: State, form: Form, id: str) -> Object:
    return state.get("billing.credit_balance_transaction", id)


ROUTES: Routes = {
    "post /v1/billing/credit_grants": (create, CreditGrantCreateParams),
    "get /v1/billing/credit_grants": (listed, CreditGrantListParams),
    "get /v1/billing/credit_grants/*": (retrieve, CreditGrantRetrieveParams),
    "post /v1/billing/credit_grants/*": (update, CreditGrantUpdateParams),
    "post /v1/billing/credit_grants/*/expire": (expire, CreditGrantExpireParams),
    "post /v1/billing/credit_grants/*/void": (void, CreditGrantVoidGrantParams),
    "get /v1/billing/credit_balance_summary": (summary, CreditBalanceSummaryRetrieveParams),
    "get /v1/billing/credit_balance_transactions": (transactions, CreditBalanceTransactionListParams),
    "get /v1/billing/credit_balance_transactions/*": (transaction, CreditBalanceTransactionRetrieveParams),
}
