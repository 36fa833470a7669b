"""Against Stripe's own test mode: `STRIPE_TEST_KEY=sk_test_... pytest -m stripe_live`. Not collected without."""

import os
import time
import uuid

import pytest
import stripe

from apps.billing.plans import plans
from apps.billing.stripe import catalog
from apps.billing.stripe.client import API_VERSION, moment, replaced
from apps.billing.stripe.invoices import read_lines
from apps.billing.stripe.subscriptions import what_it_says
from apps.billing.stripe.top_ups import top_up_start
from apps.core.tenancy import tenant_context
from tests.cast import Person

KEY = os.environ["STRIPE_TEST_KEY"]
assert KEY.startswith(("sk_test_", "rk_test_")), (
    "STRIPE_TEST_KEY has to be a key of Stripe's test mode: sk_test_..."
)
pytestmark = pytest.mark.stripe_live


@pytest.fixture
def live() -> stripe.StripeClient:
    return stripe.StripeClient(KEY, stripe_version=API_VERSION, max_network_retries=2)


def test_the_catalogue_is_made_once(live: stripe.StripeClient) -> None:
    with replaced(live):
        first = catalog.catalog_sync()
        assert catalog.catalog_sync() == first


def test_a_page_to_pay_in_is_made(live: stripe.StripeClient, alice: Person) -> None:
    with replaced(live), tenant_context(alice.tenant.id):
        url = top_up_start(
            amount_micro=20_000_000, success_url="https://example.com/", cancel_url="https://example.com/"
        )
    assert url.startswith("https://checkout.stripe.com/")


def test_a_subscription_has_a_flat_and_a_metered_price(live: stripe.StripeClient) -> None:
    with replaced(live):
        known = catalog.catalog_sync()
    clock = live.v1.test_helpers.test_clocks.create({"frozen_time": int(time.time())})
    try:
        customer = live.v1.customers.create({"test_clock": clock.id, "name": "Of a test"})
        method = live.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        subscription = live.v1.subscriptions.create(
            {
                "customer": customer.id,
                "default_payment_method": method.id,
                "items": [{"price": known.plans["pro"]}, {"price": known.usage}],
            }
        )
        said = what_it_says(subscription)
        assert said is not None
        assert (said.plan, said.next_plan) == ("pro", "")
        assert said.period_end > said.period_start
        live.v1.billing.meter_events.create(
            {
                "event_name": catalog.METER,
                "identifier": str(uuid.uuid4()),
                "payload": {"stripe_customer_id": customer.id, "value": "123"},
            }
        )
        [invoice] = live.v1.invoices.list({"customer": customer.id}).data
        lines = live.v1.invoices.line_items.list(invoice.id).auto_paging_iter()
        read = read_lines(lines, usage_price=known.usage, created=moment(invoice.created))
        assert sum(amount for _, amount in read.fees) == plans()["pro"].price_micro
        assert (read.usage_micro, read.since) == (0, None)
    finally:
        live.v1.test_helpers.test_clocks.delete(clock.id)
