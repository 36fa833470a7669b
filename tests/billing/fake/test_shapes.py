"""Objects have the fields that the SDK's classes promise."""

from typing import get_args

import pytest
from stripe._object_classes import OBJECT_CLASSES, get_object_class

from apps.billing.fake.state import present
from tests.billing.fake.conftest import Account
from tests.billing.fake.test_checkout import top_up


@pytest.fixture
def busy(account: Account) -> Account:
    """An account in which there is one of everything."""
    customer, v1 = account.customer(address={"country": "DE"}), account.v1
    metered = account.metered()
    v1.customers.tax_ids.create(customer.id, {"type": "eu_vat", "value": "DE123456789"})
    v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}, {"price": metered.id}]}
    )
    v1.billing.credit_grants.create(
        {
            "customer": customer.id,
            "amount": {"type": "monetary", "monetary": {"currency": "usd", "value": 50}},
            "applicability_config": {"scope": {"price_type": "metered"}},
        }
    )
    account.use(customer, 2_000_000)
    v1.invoice_items.create({"customer": customer.id, "amount": -700, "currency": "usd"})
    account.fake.advance(days=31, hours=1)
    account.fake.pay_checkout(top_up(account, customer).id)
    v1.refunds.create({"payment_intent": v1.payment_intents.list().data[0].id})
    disputed = v1.payment_methods.attach("pm_card_createDispute", {"customer": customer.id})
    v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": disputed.id,
            "confirm": True,
        }
    )
    account.fake.advance(hours=1)
    v1.setup_intents.create({"customer": customer.id})
    v1.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    v1.billing_portal.sessions.create({"customer": customer.id})
    v1.customers.balance_transactions.create(customer.id, {"amount": -100, "currency": "usd"})
    return account


def test_nothing_that_the_sdk_promises_is_missing(busy: Account) -> None:
    seen, missing = set(), []
    with busy.fake.account(reads=True) as state:
        kinds = {kind: state.all(kind) for kind in state.document["objects"]}
        items = [item for each in kinds["subscription"] for item in each["items"]["data"]]
        lines = [line for each in kinds["invoice"] for line in each["lines"]["data"]]
        for kind, things in {**kinds, "subscription_item": items, "line_item": lines}.items():
            seen.add(kind)
            assert kind in OBJECT_CLASSES, kind
            shape = get_object_class("V1", kind).__annotations__
            needed = {name for name, hint in shape.items() if type(None) not in get_args(hint)} - {
                "OBJECT_NAME"
            }
            for thing in things:
                missing += [f"{kind}.{name}" for name in sorted(needed - set(present(thing)))]
    assert len(seen) > 20
    assert " ".join(sorted(set(missing))) == ""
