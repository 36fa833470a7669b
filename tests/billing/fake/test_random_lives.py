"""Whatever happens to an account, in whatever order: its invoices add up, and every event is told once."""

import os
from contextlib import suppress
from typing import Any

import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.billing.fake.conftest import Account

EXAMPLES = 300 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 15
CARDS = ["pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"]
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 40 * 24)),
    st.tuples(st.just("use"), st.integers(0, 30_000_000)),
    st.tuples(st.just("card"), st.sampled_from(CARDS)),
    st.tuples(st.just("plan"), st.integers(0, 2)),
    st.tuples(st.just("cancel"), st.booleans()),
    st.tuples(st.just("pay"), st.none()),
    st.tuples(st.just("credit"), st.integers(1, 3000)),
    st.tuples(st.just("refund"), st.integers(1, 5000)),
)


def step(account: Account, customer: stripe.Customer, plans: list[str], what: str, how: Any) -> None:
    v1, running = account.v1, account.v1.subscriptions.list({"customer": customer.id}).data
    if what == "wait":
        account.fake.advance(hours=how)
    elif what == "use":
        account.use(customer, how)
    elif what == "card":
        method = v1.payment_methods.attach(how, {"customer": customer.id})
        v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    elif what == "plan" and running:
        item = running[0].items.data[0].id
        v1.subscriptions.update(
            running[0].id,
            {"items": [{"id": item, "price": plans[how]}], "proration_behavior": "always_invoice"},
        )
    elif what == "cancel" and running:
        v1.subscriptions.update(running[0].id, {"cancel_at_period_end": how})
    elif what == "pay":
        for invoice in v1.invoices.list({"customer": customer.id, "status": "open"}).data:
            v1.invoices.pay(invoice.id)
    elif what == "credit":
        v1.invoice_items.create({"customer": customer.id, "amount": -how, "currency": "usd"})
    elif what == "refund":
        for charge in v1.charges.list({"customer": customer.id, "limit": 1}).data:
            v1.refunds.create({"charge": charge.id, "amount": how})


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_invoices_add_up_and_events_are_told_once(steps: list[tuple[str, Any]]) -> None:
    account = Account()
    customer, metered = account.customer(), account.metered()
    plans = [account.flat(cents).id for cents in (2000, 5000, 0)]
    account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": plans[0]}, {"price": metered.id}]}
    )
    for what, how in steps:
        with suppress(stripe.CardError, stripe.InvalidRequestError):
            step(account, customer, plans, what, how)
    invoices = list(account.v1.invoices.list({"customer": customer.id, "limit": 100}).auto_paging_iter())
    paid = 0
    for invoice in invoices:
        lines = account.v1.invoices.line_items.list(invoice.id, {"limit": 100}).data
        assert invoice.subtotal == sum(line.amount for line in lines) == invoice.total
        if invoice.status != "draft":
            assert invoice.amount_due == invoice.starting_balance + invoice.total - (
                invoice.ending_balance or 0
            )
        assert invoice.amount_paid == (invoice.amount_due if invoice.status == "paid" else 0)
        paid += invoice.amount_paid
    charges = account.v1.charges.list({"customer": customer.id, "limit": 100}).auto_paging_iter()
    assert sum(charge.amount for charge in charges if charge.paid) == paid
    moved = account.v1.customers.balance_transactions.list(customer.id, {"limit": 100}).auto_paging_iter()
    assert sum(each.amount for each in moved) == account.v1.customers.retrieve(customer.id).balance
    assert len({event["id"] for event in account.events}) == len(account.events)
    told = [event["data"]["object"]["id"] for event in account.events if event["type"] == "invoice.paid"]
    assert sorted(told) == sorted(invoice.id for invoice in invoices if invoice.status == "paid")
