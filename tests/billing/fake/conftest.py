"""An account at the stand-in on a clock of its own, used through the real SDK."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import stripe

from apps.billing.fake.stand_in import FakeStripe
from apps.billing.fake.state import Rules

START = 1_767_225_600  # 1 January 2026


@dataclass
class Account:
    """The stand-in, a client of it, and the events and usage reports its webhook got."""

    rules: Rules = field(default_factory=Rules)
    events: list[dict[str, Any]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fake = FakeStripe(now=lambda: START, deliver=self._take, random=Random(1), rules=self.rules)
        self.client = stripe.StripeClient("sk_fake_test", http_client=self.fake, max_network_retries=2)
        self.v1 = self.client.v1

    def _take(self, body: bytes, signature: str) -> None:
        stripe.WebhookSignature.verify_header(body.decode(), signature, self.fake.webhook_secret, 300)
        event = json.loads(body)
        if event["object"] == "v2.core.event":
            self.reports.append(body.decode())
        else:
            self.events.append(event)

    def told(self) -> list[str]:
        """The types of the events since the last look."""
        types = [event["type"] for event in self.events]
        self.events.clear()
        return types

    def customer(self, card: str | None = "pm_card_visa", **params: object) -> stripe.Customer:
        made = self.v1.customers.create({"email": "alice@acme.test", **params})
        if card:
            method = self.v1.payment_methods.attach(card, {"customer": made.id})
            self.v1.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
        return made

    def flat(self, cents: int = 2000, interval: str = "month") -> stripe.Price:
        return self.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": cents,
                "product_data": {"name": f"Plan of {cents}"},
                "recurring": {"interval": interval},
            }
        )

    def metered(self, cents: str = "0.0001") -> stripe.Price:
        meter = self.v1.billing.meters.create(
            {"display_name": "Usage", "event_name": "usage", "default_aggregation": {"formula": "sum"}}
        )
        return self.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount_decimal": cents,
                "product_data": {"name": "Usage"},
                "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
            }
        )

    def use(self, customer: stripe.Customer, value: int, **params: object) -> None:
        payload = {"stripe_customer_id": customer.id, "value": str(value)}
        self.v1.billing.meter_events.create({"event_name": "usage", "payload": payload, **params})

    def invoices(self, customer: stripe.Customer) -> list[tuple[str | None, str | None, int]]:
        """Reason, status and total of each, oldest first."""
        found = self.v1.invoices.list({"customer": customer.id, "limit": 100}).data
        return [(each.billing_reason, each.status, each.total) for each in reversed(found)]


@pytest.fixture
def account() -> Account:
    return Account()
